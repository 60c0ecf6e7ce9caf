package kerneltest

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// runInit is the life of the namespaces' pid 1: mounts, the test as its child, reaping. It returns the exit code.
// When pid 1 ends, the kernel kills every other process of the PID namespace and then destroys the IPC objects
// (man 7 pid_namespaces, man 7 ipc_namespaces).
func runInit(extra []uintptr) int {
	if !madeTogether() {
		io.WriteString(os.NewFile(reportFD, "report"), notAlone)
		return 1
	}
	if err := prepare(extra); err != nil {
		fmt.Fprintln(os.Stderr, err)
		io.WriteString(os.NewFile(reportFD, "report"), noMounts)
		return 1
	}
	os.Setenv(stageVar, stageInside)
	pid, err := syscall.ForkExec("/proc/self/exe", os.Args, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2, reportFD},
		// Otherwise the group would be the one of who started the tests, which is 0 in here: no process's own is.
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "start the test inside its namespaces:", err)
		return 1
	}
	unix.Close(reportFD)
	for {
		var status unix.WaitStatus
		switch got, err := unix.Wait4(-1, &status, 0, nil); {
		case err == unix.EINTR || err == nil && got != pid:
			continue
		case err != nil:
			fmt.Fprintln(os.Stderr, "wait for the test:", err)
			return 1
		case status.Signaled():
			fmt.Fprintln(os.Stderr, "the test was ended by", status.Signal())
			return 1
		default:
			return status.ExitStatus()
		}
	}
}

// madeTogether says whether the namespaces have successive numbers, as those of one clone have unless another
// processor makes some at the same moment. That is what proves that nobody outside is in them. Before Linux 6.18
// there are no numbers, and nothing to prove.
func madeTogether() bool {
	ipc, err := namespaceID("ipc")
	pid, err2 := namespaceID("pid")
	return err != nil || err2 != nil || pid == ipc+1
}

// namespaceID is NS_GET_ID of ioctl_nsfs(2). The numbers of this process's own pid namespace stand in
// pid_for_children as well, whatever /proc is mounted.
func namespaceID(typ string) (id uint64, err error) {
	const nsGetID = 0x8008b70d
	fd, err := unix.Open("/proc/self/ns/"+typ, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), nsGetID, uintptr(unsafe.Pointer(&id))); e != 0 {
		return 0, e
	}
	return id, nil
}

// afterStart waits until the clock that files are dated by is past the start of pid 1 as /proc tells it: what is
// mounted from here on is provably younger. Files are dated to a tick of the kernel, at most 10 milliseconds, and so
// are processes.
func afterStart() { time.Sleep(20 * time.Millisecond) }

// prepare gives the new namespaces the file systems that belong to them.
func prepare(extra []uintptr) error {
	// Otherwise the mounts below would propagate to the machine (man 7 mount_namespaces).
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	afterStart()
	const safe = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	for _, m := range []struct{ source, target, data string }{
		{"proc", "/proc", ""},
		{"tmpfs", "/dev/shm", "mode=1777"},
		{"mqueue", "/dev/mqueue", ""},
	} {
		if _, err := os.Stat(m.target); err != nil {
			continue
		}
		if err := unix.Mount(m.source, m.target, m.source, safe, m.data); err != nil {
			return fmt.Errorf("mount %s on %s: %w", m.source, m.target, err)
		}
	}
	if err := ownFolders(); err != nil {
		return err
	}
	for _, flag := range extra {
		if flag&unix.CLONE_NEWNET != 0 {
			return loopbackUp()
		}
	}
	return nil
}

// loopbackUp sets IFF_UP on lo, which is down in a new network namespace (man 7 netdevice).
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket for lo: %w", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}
