package collect

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// Constants of include/uapi/linux/userfaultfd.h. Its requests of ioctl(2) are the same on amd64 and arm64.
const (
	uffdAPI          = 0xaa
	uffdioAPI        = 0xc018aa3f
	uffdioRegister   = 0xc020aa00
	uffdioUnregister = 0x8010aa01
	uffdMissing      = 1       // UFFDIO_REGISTER_MODE_MISSING
	uffdMissingShmem = 1 << 5  // UFFD_FEATURE_MISSING_SHMEM
	uffdThreadID     = 1 << 8  // UFFD_FEATURE_THREAD_ID
	uffdInitialized  = 1 << 31 // UFFD_FEATURE_INITIALIZED, which the kernel sets itself since Linux 5.15
)

// openUserfaultfd skips the test where the host refuses one that takes the faults of system calls as well.
func openUserfaultfd(t *testing.T) (fd int) {
	t.Helper()
	n, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC, 0, 0)
	switch {
	case errno == unix.EPERM:
		t.Skip("needs userfaultfd(2), which takes CAP_SYS_PTRACE or vm.unprivileged_userfaultfd=1:", errno)
	case errno == unix.ENOSYS:
		t.Skip("needs userfaultfd(2), which this kernel has not:", errno)
	case errno != 0:
		t.Fatal(errno)
	}
	return int(n)
}

// uffdCall is ioctl(2) with an argument structure of include/uapi/linux/userfaultfd.h.
func uffdCall[T any](fd int, request uintptr, arg T) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&arg)))
	if errno != 0 {
		return errno
	}
	return nil
}

// uffdMask reads a mask that fdinfo tells in the line of the API, without the parser that is tested.
func (s *scene) uffdMask(fd, place int) uint64 {
	s.Helper()
	words := strings.Split(s.field(fd, "API"), ":")
	if len(words) != 3 {
		s.Fatalf("API: %q", words)
	}
	mask, err := strconv.ParseUint(words[place], 16, 64)
	s.check(err)
	return mask
}

// uffdIoctls are the words for the calls that this kernel has.
func (s *scene) uffdIoctls(fd int) schema.Value {
	s.Helper()
	mask := s.uffdMask(fd, 2)
	var names []string
	for bit, name := range []string{"register", "unregister", "wake", "copy", "zeropage", "move", "writeprotect",
		"continue", "poison"} {
		if mask>>bit&1 == 1 {
			names = append(names, name)
		}
	}
	return schema.List(append(names, "api"))
}

// A userfaultfd counts the faults that nobody has read, and all that are not resolved; whoever reads one waits.
func TestUserfaultFDs(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		const kind schema.Kind = "userfaultfd"
		s := newScene(t)
		fd := s.keep(openUserfaultfd(t), nil)
		num := func(n int) schema.Value { return schema.Int(int64(n)) }
		look := func(pending, total int, features []string) cells {
			return cells{"pending": num(pending), "total": num(total), "api": schema.String("0xaa"),
				"features": schema.List(features), "ioctls": s.uffdIoctls(fd)}
		}
		s.compareOne(kind, fd, look(0, 0, []string{}))

		type api struct{ api, features, ioctls uint64 }
		s.check(uffdCall(fd, uffdioAPI, api{uffdAPI, uffdMissingShmem | uffdThreadID, 0}))
		features := []string{"missing_shmem", "thread_id"}
		if s.uffdMask(fd, 1)&uffdInitialized != 0 {
			features = append(features, "initialized")
		}

		// A system call faults, not the Go program itself: a goroutine in a call does not hold up the others.
		size := os.Getpagesize()
		memory, err := unix.Mmap(-1, 0, 2*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		s.check(err)
		counter := s.keep(unix.Eventfd(0, unix.EFD_CLOEXEC))
		var faults sync.WaitGroup
		fault := func(page int) { faults.Go(func() { unix.Write(counter, memory[page*size:][:8]) }) }
		type span struct{ start, length uint64 }
		pages := span{uint64(uintptr(unsafe.Pointer(&memory[0]))), uint64(2 * size)}
		s.check(uffdCall(fd, uffdioRegister, struct {
			span
			mode, ioctls uint64
		}{pages, uffdMissing, 0}))
		// A page that is no longer registered the kernel fills itself.
		release := func() error { return uffdCall(fd, uffdioUnregister, pages) }
		t.Cleanup(func() {
			if err := release(); err != nil && !errors.Is(err, unix.EINVAL) {
				t.Error(err)
			}
			faults.Wait()
		})

		cat := s.give(fd)
		ref := s.descriptorRef(kind, fd)
		reader := s.sleeps(fd, "read", func() { unix.Read(fd, make([]byte, 32)) })
		t.Cleanup(func() { fault(0) }) // ends the read
		compare := func(c cells, edges ...string) {
			t.Helper()
			c["holders"] = ends(s.at(fd), cat)
			if _, ok := c["waiters"]; !ok {
				c["waiters"] = ends()
			}
			edges = append(edges, s.holdsRef(ref, fd), edge(procRef(cat), "holds", ref, "fd 3"))
			s.compareThese(kind, map[string]cells{ref: c}, edges)
		}
		waits := look(0, 0, features)
		waits["waiters"] = ends(reader)
		compare(waits, edge(procRef(reader), "waits_on", ref, "read fd "+strconv.Itoa(fd)))
		fault(0) // is read
		compare(look(0, 1, features))
		fault(1) // is not
		compare(look(1, 2, features))
		s.check(release())
		faults.Wait()
		compare(look(0, 0, features))
	})
}
