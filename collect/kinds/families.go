package kinds

import "github.com/ipctop/ipctop/collect/schema"

// The families of kinds. They are the names of tabs and arguments of --once.
const (
	Queues     schema.Family = "queues"
	Semaphores schema.Family = "semaphores"
	Memory     schema.Family = "memory"
	Pipes      schema.Family = "pipes"
	Sockets    schema.Family = "sockets"
	Locks      schema.Family = "locks"
	Notify     schema.Family = "notify"
	Processes  schema.Family = "processes"
	Namespaces schema.Family = "namespaces"
	Limits     schema.Family = "limits"
	Waits      schema.Family = "waits"
)
