package collect

import (
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

func TestMain(m *testing.M) {
	kerneltest.Main(m, kerneltest.Workers{
		"create-segment":   workCreateSegment,
		"attach":           workAttach,
		"make-and-fork":    workMakeAndFork,
		"drop-root":        workDropRoot,
		"verdicts-of-own":  workVerdictsOfOwn,
		"use-sysv":         workUseSysV,
		"verdicts-below":   workVerdictsBelow,
		"fork-later":       workForkLater,
		"open-fifo":        workOpenFIFO,
		"bind-elsewhere":   workBindElsewhere,
		"bind-and-leave":   workBindAndLeave,
		"map-privately":    workMapPrivately,
		"verdicts":         workVerdicts,
		"fork-attached":    workForkAttached,
		"attach-own":       workAttachOwn,
		"attach-untouched": workAttachUntouched,
		"headless":         workHeadless,
		"semop":            workSemOp,
		"sem-hold":         workSemHold,
		"send":             workSend,
		"receive":          workReceive,
		"lock":             workLock,
		"look":             workLook,
		"open-pipe":        workOpenPipe,
		"open-file":        workOpenFile,
		"look-at-stdin":    workLookAtStdin,
		"summarize":        workSummarize,
		"play":             workPlay,
		"look-for-stuck":   workLookForStuck,
		"wait":             func(j *kerneltest.Job) { j.Ready(); j.Wait() },
		"own-net":          workOwnNet,
		"sleepers":         workSleepers,
		"look-into":        workLookInto,
		"own-ipc":          workOwnIPC,
		"hold-spaces":      workHoldSpaces,
		"look-everywhere":  workLookEverywhere,
		"own-mq":           workOwnMq,
		"mq-send":          workMqSend,
		"mq-receive":       workMqReceive,
		"map-shm":          workMapShm,
		"sem-wait":         workSemWait,
		"map-fd":           workMapFD,
		"share-anonymous":  workShareAnonymous,
		"postmaster":       workPostmaster,
		"know-files":       workKnowFiles,
		"tell-apps":        workTellApps,
		"make-segment":     workMakeSegment,
		"find-key":         workFindKey,
		"fill-queues":      workFillQueues,
		"fill-descriptors": workFillDescriptors,
		"zombies":          workZombies,
		"examine":          workExamine,
	})
}
