package collect

import (
	"slices"
	"sync"

	"github.com/ipctop/ipctop/collect/containers"
	"github.com/ipctop/ipctop/collect/content"
	"github.com/ipctop/ipctop/collect/ftok"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/leaks"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/software"
	"github.com/ipctop/ipctop/collect/waits"
)

// Mechanisms lists every kind once, with the columns of the aspects. Its order is the order on screen and in every
// output. It has no other meaning.
func Mechanisms() []*kinds.Mechanism { return slices.Clone(everything().mechanisms) }

// Aspects lists every aspect once. Their columns come in this order.
func Aspects() []kinds.Aspect { return slices.Clone(everything().aspects) }

// everything makes the kinds and aspects at its first call. They are immutable, so all callers share them. A command
// asks for them many times, and each time would take a millisecond.
var everything = sync.OnceValue(func() (all struct {
	mechanisms []*kinds.Mechanism
	aspects    []kinds.Aspect
}) {
	all.mechanisms = mechanisms()
	all.aspects = []kinds.Aspect{content.Aspect(), software.Aspect(), ftok.Aspect(), leaks.Aspect(),
		containers.Aspect(all.mechanisms)}
	for _, m := range all.mechanisms {
		for _, a := range all.aspects {
			a.Extend(m)
		}
		// Then an append to a list of a shared kind copies the list.
		m.Columns, m.Default, m.OnDemand = slices.Clip(m.Columns), slices.Clip(m.Default), slices.Clip(m.OnDemand)
	}
	return all
})

// MechanismOf is the mechanism of a kind; nil if there is no such kind.
func MechanismOf(k schema.Kind) *kinds.Mechanism {
	all := Mechanisms()
	if i := slices.IndexFunc(all, func(m *kinds.Mechanism) bool { return m.Kind == k }); i >= 0 {
		return all[i]
	}
	return nil
}

// mechanisms lists the kinds without the columns of the aspects.
func mechanisms() []*kinds.Mechanism {
	return []*kinds.Mechanism{
		kinds.Msg(),
		kinds.PMsg(),
		kinds.Sem(),
		kinds.PSem(),
		kinds.Shm(),
		kinds.PShm(),
		kinds.Memfd(),
		kinds.Mmap(),
		kinds.DMABuf(),
		kinds.Pipe(),
		kinds.Fifo(),
		kinds.Pty(),
		kinds.Unix(),
		kinds.Inet(),
		kinds.Netlink(),
		kinds.Packet(),
		kinds.Vsock(),
		kinds.Lock(),
		kinds.EventFD(),
		kinds.Epoll(),
		kinds.SignalFD(),
		kinds.TimerFD(),
		kinds.Inotify(),
		kinds.PidFD(),
		kinds.IOUring(),
		kinds.UserfaultFD(),
		kinds.BPF(),
		kinds.Proc(),
		kinds.NS(),
		kinds.Limit(),
		waits.Mechanism(),
	}
}
