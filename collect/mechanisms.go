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

// Mechanisms lists every kind once, with the columns of the aspects. Its order is the order on screen and in every
// output, and nothing else.
func Mechanisms() []*Mechanism {
	all := mechanisms()
	for _, a := range Aspects() {
		for _, m := range all {
			a.extend(m)
		}
	}
	return all
}

// Aspects lists every aspect once. Their columns come in this order.
func Aspects() []Aspect {
	return []Aspect{contentAspect(), softwareAspect(), ftokAspect(), leaksAspect()}
}

// mechanisms are the kinds as they declare themselves.
func mechanisms() []*Mechanism {
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
		waitMechanism(),
	}
}
