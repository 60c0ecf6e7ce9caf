package collect

import "github.com/ipctop/ipctop/collect/schema"

// The families, as tabs and arguments of --once name them.
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

// Mechanisms lists every mechanism once. Its order is the order on screen and in every output.
func Mechanisms() []*Mechanism {
	return []*Mechanism{
		msgMechanism(),
		pmsgMechanism(),
		semMechanism(),
		psemMechanism(),
		shmMechanism(),
		pshmMechanism(),
		memfdMechanism(),
		mmapMechanism(),
		pipeMechanism(),
		fifoMechanism(),
		ptyMechanism(),
		unixMechanism(),
		inetMechanism(),
		netlinkMechanism(),
		packetMechanism(),
		vsockMechanism(),
		lockMechanism(),
		eventfdMechanism(),
		epollMechanism(),
		signalfdMechanism(),
		timerfdMechanism(),
		inotifyMechanism(),
		pidfdMechanism(),
		iouringMechanism(),
		procMechanism(),
		nsMechanism(),
		limitMechanism(),
		waitMechanism(), // last: it reads what the others have listed
	}
}
