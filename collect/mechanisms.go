package collect

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
