package kinds

import (
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/sock"
	"github.com/ipctop/ipctop/collect/proc"
)

// dumps holds a tick's dumps of one kind of sockets, by network namespace.
type dumps[S any] map[uint64]*dumped[S]

type dumped[S any] struct {
	list []S
	err  error
}

// dumpOnce dumps the sockets of the network namespace net, at most once a tick. The thread must be in it. The search
// for namespaces without processes dumps all sockets, and then the kinds list them. The list is for reading.
func dumpOnce[S any](t *proc.Tick, net uint64, dump func() ([]S, error)) ([]S, error) {
	all := proc.Memo(t, func(*proc.Tick) dumps[S] { return dumps[S]{} })
	if all[net] == nil {
		list, err := dump()
		all[net] = &dumped[S]{list, err}
	}
	return all[net].list, all[net].err
}

// DumpUnix dumps the UNIX sockets of the network namespace net, at most once a tick. The thread must be in it. The list
// is for reading.
func DumpUnix(t *proc.Tick, net uint64) ([]sock.UnixSocket, error) {
	return dumpOnce(t, net, t.Host.UnixSockets)
}

// dumpInet dumps the Internet sockets, with what the tick needs to know of TCP.
func dumpInet(t *proc.Tick, net uint64) ([]sock.InetSocket, error) {
	return dumpOnce(t, net, func() ([]sock.InetSocket, error) { return t.Host.InetSockets(askTCP(t)) })
}

// pointersTo lists the sockets of a dump, to sort them without moving them.
func pointersTo[S any](list []S) []*S {
	pointers := make([]*S, len(list))
	for i := range list {
		pointers[i] = &list[i]
	}
	return pointers
}

// sortedDump is a dump to keep and to change, in order.
func sortedDump[S any](list []S, compare func(a, b S) int) []S {
	list = slices.Clone(list)
	slices.SortFunc(list, compare)
	return list
}
