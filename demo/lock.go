package demo

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/schema"
)

// locks is a process that holds a lock of each sort, and three that wait for them. flock and OFD locks belong to the
// open file, POSIX locks belong to the process (man 2 flock, man 2 F_OFD_SETLKW).
func locks() Scenario {
	return Scenario{
		Name: "locks", Title: "file locks of each sort, with a process waiting for each",
		LookFor: "demo-lock-hold has locked three files; demo-lock-flock, -posix and -ofd wait for them",
		set: func(s *stage) error {
			path, err := s.path("locked")
			if err != nil {
				return err
			}
			if _, err := s.start("lock-hold", []string{path}); err != nil {
				return err
			}
			for _, role := range []string{"lock-flock", "lock-posix", "lock-ofd"} {
				waiter, err := s.start(role, []string{path})
				if err != nil {
					return err
				}
				if err := s.blocked(waiter, unix.SYS_FLOCK, unix.SYS_FCNTL); err != nil {
					return err
				}
			}
			return nil
		},
		roles: map[string]func(*role) error{
			"lock-hold":  holdLocks,
			"lock-flock": func(r *role) error { return r.awaitLock("flock", "this process sleeps in flock, LOCK_EX") },
			"lock-posix": func(r *role) error {
				return r.awaitLock("posix", "this process sleeps in fcntl, F_SETLKW of bytes 12 to 19")
			},
			"lock-ofd": func(r *role) error {
				return r.awaitLock("ofd", "this process sleeps in fcntl, F_OFD_SETLKW of bytes 50 to the end")
			},
		},
	}
}

// takeLock takes a lock of this sort. With wait it sleeps until the lock is free.
func takeLock(sort string, fd int, wait bool, start, length int64) error {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: start, Len: length}
	switch {
	case sort == "flock" && wait:
		return unix.Flock(fd, unix.LOCK_EX)
	case sort == "flock":
		return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	}
	cmd := map[string]int{"posix": unix.F_SETLK, "ofd": unix.F_OFD_SETLK}[sort]
	if wait {
		cmd = map[string]int{"posix": unix.F_SETLKW, "ofd": unix.F_OFD_SETLKW}[sort]
	}
	return unix.FcntlFlock(uintptr(fd), cmd, &lock)
}

func holdLocks(r *role) error {
	for _, sort := range []string{"flock", "posix", "ofd"} {
		path := r.args[0] + "-" + sort
		var fd int
		_, err := r.journal.path("file", path, func() (err error) {
			fd, err = unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
			return err
		})
		if err != nil {
			return err
		}
		if err := takeLock(sort, fd, false, 10, 90); err != nil {
			return fmt.Errorf("lock %s: %w", path, err)
		}
		text, err := textOfFD(fd)
		if err != nil {
			return err
		}
		held := fdinfo.ParseFDInfoLocks(text)
		if len(held) != 1 {
			return fmt.Errorf("the lock on %s is not there: %q", path, text)
		}
		st, err := readStat(os.Getpid())
		if err != nil {
			return err
		}
		l := held[0]
		r.object(Object{Path: path, LookFor: "this process holds it: the other waits",
			Ref: schema.Ref{Kind: schema.Lock, Space: l.Dev, Gen: st.Start,
				Name: fmt.Sprintf("%d/%s/%d/%s", l.Ino, strings.ToLower(l.Class), os.Getpid(), l.Range())}})
	}
	r.ready()
	return r.park()
}

func (r *role) awaitLock(sort, lookFor string) error {
	path := r.args[0] + "-" + sort
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if err := r.process(os.Getpid(), lookFor); err != nil {
		return err
	}
	r.settled()
	first := map[string]int64{"posix": 12, "ofd": 50}[sort]
	length := map[string]int64{"posix": 8}[sort]
	for err = unix.EINTR; err == unix.EINTR; {
		err = takeLock(sort, fd, true, first, length)
	}
	return r.park() // somebody has ended the holder
}
