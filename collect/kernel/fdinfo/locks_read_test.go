package fdinfo

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

// A lock that stays is in nearly every list once, however many other locks come and go. The file has several pages
// then.
func TestLocksThatStayAmongOthers(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		lock := func(name string) (fd int) {
			fd = kerneltest.Must(unix.Open("/dev/shm/"+name, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600))(t)
			if err := unix.Flock(fd, unix.LOCK_EX); err != nil {
				t.Fatal(err)
			}
			return fd
		}
		var others, stay []int
		staying := map[uint64]bool{}
		for i := range 200 {
			others = append(others, lock(fmt.Sprint("other", i)))
			if i%20 == 0 {
				fd := lock(fmt.Sprint("stays", i))
				var st unix.Stat_t
				if err := unix.Fstat(fd, &st); err != nil {
					t.Fatal(err)
				}
				stay, staying[st.Ino] = append(stay, fd), true
			}
		}
		var done atomic.Bool
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for !done.Load() {
				for _, how := range []int{unix.LOCK_UN, unix.LOCK_EX} {
					for _, fd := range others {
						unix.Flock(fd, how)
					}
				}
			}
		}()
		wrong, pid := 0, os.Getpid()
		for range 100 {
			locks, err := Locks("")
			if err != nil {
				t.Fatal(err)
			}
			seen := map[uint64]int{}
			for _, l := range locks {
				if l.PID == pid && staying[l.Ino] {
					seen[l.Ino]++
				}
			}
			for ino := range staying {
				if seen[ino] != 1 {
					wrong++
				}
			}
		}
		done.Store(true)
		<-ended
		// No way to read the file is exact under such traffic. A single read of all pages is wrong 40 times here.
		if looks := 100 * len(stay); wrong*50 > looks {
			t.Errorf("%d of %d looks for a lock were wrong, want at most one in fifty", wrong, looks)
		}
	})
}
