package demo

// Scenarios lists what the demo can set up, in the order shown.
func Scenarios() []Scenario {
	return []Scenario{
		msgTyped(),
		msgFull(),
		msgEmpty(),
		pmsgFull(),
		semWaiters(),
		semUndo(),
		semDeadlock(),
		psemWaiting(),
		shmAttached(),
		shmOrphan(),
		shmDest(),
		shmLocked(),
		shmPrivate(),
		pshmShared(),
		pshmDeleted(),
		memfdShared(),
		mmapShared(),
		pipeFull(),
		pipeNoReader(),
		fifoWaiting(),
		unixStream(),
		unixDgram(),
		unixSeqpacket(),
		unixAbstract(),
		unixPending(),
		tcpListen(),
		tcpEstablished(),
		tcpCloseWait(),
		udpPair(),
		locks(),
		eventFD(),
		processes(),
	}
}
