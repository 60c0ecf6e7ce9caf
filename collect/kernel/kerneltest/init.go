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

// runInit is the program of pid 1 of the namespaces. It mounts, runs the test as its child, and reaps. It returns the
// exit code. When pid 1 ends, the kernel kills every other process of the PID namespace. Then it destroys the IPC
// objects (man 7 pid_namespaces, man 7 ipc_namespaces).
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
		// Otherwise the test would be in the group of the process that started the tests. In this namespace the number
		// of that group is 0. No process's own group has the number 0.
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

// madeTogether is true if the namespaces have successive numbers. Namespaces of one clone have such numbers, unless
// another CPU makes a namespace at the same moment. Successive numbers prove that no other process is in them.
// Kernels before 6.18 have no numbers: the result is true.
func madeTogether() bool {
	ipc, err := namespaceID("ipc")
	pid, err2 := namespaceID("pid")
	return err != nil || err2 != nil || pid == ipc+1
}

// namespaceID reads the number of a namespace by NS_GET_ID of ioctl_nsfs(2). The pid namespace is read from
// pid_for_children, which does not depend on the mounted /proc.
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

// WaitPastStart waits until the clock of file times is past the start of pid 1 in /proc. Files and mounts from then
// on are provably younger than pid 1. The kernel dates both files and processes to a tick, at most 10 milliseconds.
func WaitPastStart() { time.Sleep(30 * time.Millisecond) }

// prepare mounts the file systems of the new namespaces.
func prepare(extra []uintptr) error {
	// Otherwise the mounts below would propagate to the machine (man 7 mount_namespaces).
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	WaitPastStart()
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

// loopbackUp sets IFF_UP on lo: in a new network namespace lo is down (man 7 netdevice).
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
