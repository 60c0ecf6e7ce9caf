package collect

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/bpf"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// bpfCall is bpf(2) with an attribute structure of include/uapi/linux/bpf.h.
func bpfCall[T any](command uintptr, attr T) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_BPF, command, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// ringMap makes a map that epoll can watch.
func (s *scene) ringMap() int {
	const ringbuf = 27
	return s.keep(bpfCall(unix.BPF_MAP_CREATE,
		struct{ mapType, keySize, valueSize, maxEntries uint32 }{ringbuf, 0, 0, 4096}))
}

// lookupProg loads a program that lets each socket lookup pass.
func (s *scene) lookupProg() int {
	const skLookup = 30
	code := [...]uint64{0x1_0000_00b7, 0x95} // r0 = 1; exit
	license := [...]byte{'G', 'P', 'L', 0}
	type attr struct {
		progType, count    uint32
		code               *uint64
		license            *byte
		_                  [11]uint32 // the verifier's log, the kernel's version, flags, name and device
		expectedAttachment uint32
	}
	return s.keep(bpfCall(unix.BPF_PROG_LOAD, attr{progType: skLookup, count: uint32(len(code)), code: &code[0],
		license: &license[0], expectedAttachment: unix.BPF_SK_LOOKUP}))
}

// linkTo attaches a program to the own network namespace.
func (s *scene) linkTo(prog int) int {
	netns := s.keep(unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0))
	return s.keep(bpfCall(unix.BPF_LINK_CREATE, struct{ prog, target, attachment, flags uint32 }{
		uint32(prog), uint32(netns), unix.BPF_SK_LOOKUP, 0}))
}

// field reads a line of fdinfo, without the parser that is tested.
func (s *scene) field(fd int, name string) string {
	s.Helper()
	value, ok := s.optionalField(fd, name)
	if !ok {
		s.Fatalf("descriptor %d has no %s", fd, name)
	}
	return value
}

// optionalField is field for a line that only some kernels have.
func (s *scene) optionalField(fd int, name string) (string, bool) {
	s.Helper()
	text, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(fd))
	s.check(err)
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":\t"); ok {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// withBPFFields adds the cells of fields that only newer kernels have.
func (s *scene) withBPFFields(fd int, c cells) cells {
	for _, id := range []string{"map_flags", "map_extra"} {
		if value, ok := s.optionalField(fd, id); ok {
			c[id] = schema.String(value)
		}
	}
	for _, id := range []string{"run_cnt", "recursion_misses", "verified_insns"} {
		if _, ok := s.optionalField(fd, id); ok {
			c[id] = schema.Int(s.numberField(fd, id))
		}
	}
	if _, ok := s.optionalField(fd, "run_time_ns"); ok {
		c["run_time"] = schema.Duration(time.Duration(s.numberField(fd, "run_time_ns")))
	}
	return c
}

func (s *scene) numberField(fd int, name string) int64 {
	n, err := strconv.ParseInt(s.field(fd, name), 10, 64)
	s.check(err)
	return n
}

// Maps, programs and links are objects by their numbers, whoever has them open.
func TestBPFObjects(t *testing.T) {
	needsBPF(t)
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		ring := s.ringMap()
		cat := s.give(ring)
		prog := s.lookupProg()
		link := s.linkTo(prog)

		ref := func(object string, fd int) string { return "bpf:" + object + "/" + s.field(fd, object+"_id") }
		ringRef, progRef, linkRef := ref("map", ring), ref("prog", prog), ref("link", link)
		progID := s.numberField(prog, "prog_id")
		tag := schema.String(s.field(prog, "prog_tag"))
		s.compareThese("bpf", map[string]cells{
			ringRef: s.withBPFFields(ring,
				cells{"object": schema.String("map"), "id": schema.Int(s.numberField(ring, "map_id")),
					"type": schema.String("ringbuf"), "key_size": schema.Int(0), "value_size": schema.Int(0),
					"max_entries": schema.Int(4096), "memlock": schema.Bytes(uint64(s.numberField(ring, "memlock"))),
					"frozen": schema.Bool(false), "holders": ends(s.at(ring), cat), "waiters": ends()}),
			progRef: s.withBPFFields(prog,
				cells{"object": schema.String("prog"), "id": schema.Int(progID), "type": schema.String("sk_lookup"),
					"memlock": schema.Bytes(uint64(s.numberField(prog, "memlock"))),
					"jited":   schema.Bool(s.field(prog, "prog_jited") == "1"), "tag": tag, "holders": ends(s.at(prog)),
					"waiters": ends()}),
			linkRef: {"object": schema.String("link"), "id": schema.Int(s.numberField(link, "link_id")),
				"type": schema.String("netns"), "tag": tag, "holders": ends(s.at(link)), "waiters": ends(),
				"prog": schema.RefValue(schema.Ref{Kind: "bpf", ID: uint64(progID),
					Name: "prog/" + strconv.FormatInt(progID, 10)})},
		}, []string{
			s.holdsRef(ringRef, ring), edge(procRef(cat), "holds", ringRef, "fd 3"), s.holdsRef(progRef, prog),
			s.holdsRef(linkRef, link), edge(linkRef, "holds", progRef, "link"),
		})
	}, unix.CLONE_NEWNET)
}

// An epoll instance that watches a map leads to the map.
func TestEpollOnBPFMap(t *testing.T) {
	needsBPF(t)
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		ring := s.ringMap()
		epoll := s.keep(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
		s.check(unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, ring, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(ring)}))
		ref, number := s.descriptorRef(schema.Epoll, epoll), strconv.Itoa(ring)
		mapRef := "bpf:map/" + s.field(ring, "map_id")
		s.compareThese(schema.Epoll,
			map[string]cells{ref: {"watches": schema.Int(1), "tfds": schema.List([]string{number}),
				"targets": schema.List([]string{number + "=" + mapRef}), "events": schema.List([]string{"in"}),
				"holders": ends(s.at(epoll)), "waiters": ends()}},
			[]string{s.holdsRef(ref, epoll), edge(ref, "watches", mapRef, "fd "+number+" in")})
	})
}

// needsBPF skips a test where the kernel refuses BPF objects: they take CAP_BPF of the first user namespace.
func needsBPF(t *testing.T) {
	t.Helper()
	if err := bpf.Ask("a BPF object"); err != nil {
		t.Skip(err)
	}
}
