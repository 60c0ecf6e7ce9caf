package demo

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/schema"
)

// singleDescriptor is a scenario of one process that makes and holds a descriptor of a kind.
func singleDescriptor(kind schema.Kind, name, title, lookFor string, open func() (fd int, err error)) Scenario {
	return Scenario{
		Name: string(kind), Title: title, LookFor: "demo-" + name + ": " + lookFor,
		set: func(s *stage) error {
			_, err := s.start(name, nil)
			return err
		},
		roles: map[string]func(*role) error{
			name: func(r *role) error {
				fd, err := open()
				if err != nil {
					return fmt.Errorf("%s: %w", kind, err)
				}
				if err := r.descriptor(kind, fd, lookFor); err != nil {
					return err
				}
				r.ready()
				return r.park()
			},
		},
	}
}

// descriptor reports an open file description. It has no number of its own, so process and descriptor name it.
func (r *role) descriptor(kind schema.Kind, fd int, lookFor string) error {
	st, err := readStat(os.Getpid())
	if err != nil {
		return err
	}
	r.object(Object{Ref: schema.Ref{Kind: kind, Name: fmt.Sprintf("%d/%d", os.Getpid(), fd), Gen: st.Start},
		LookFor: lookFor})
	return nil
}

// signalFD is a descriptor that delivers signals as data (man 2 signalfd).
func signalFD() Scenario {
	return singleDescriptor(schema.SignalFD, "signalfd", "signalfd",
		"it takes SIGHUP, SIGUSR1 and the first real-time signal",
		func() (int, error) {
			const hup, usr1, rtMin = 1, 10, 34
			mask := unix.Sigset_t{}
			mask.Val[0] = 1<<(hup-1) | 1<<(usr1-1) | 1<<(rtMin-1)
			return unix.Signalfd(-1, &mask, unix.SFD_CLOEXEC)
		})
}

// timerFD is a timer that has expired. Its next hour begins when somebody reads it.
func timerFD() Scenario {
	return singleDescriptor(schema.TimerFD, "timerfd", "timerfd",
		"it has expired, which nobody has read; its interval is an hour",
		func() (int, error) {
			fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_CLOEXEC)
			if err != nil {
				return -1, err
			}
			soon := unix.ItimerSpec{Interval: unix.Timespec{Sec: 3600}, Value: unix.Timespec{Nsec: 1}}
			if err := unix.TimerfdSettime(fd, 0, &soon, nil); err != nil {
				return -1, err
			}
			// A readable timerfd has expired.
			_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 5000)
			return fd, err
		})
}

// inotifyWatch is an inotify instance that watches the directory /.
func inotifyWatch() Scenario {
	return singleDescriptor(schema.Inotify, "inotify", "inotify instance",
		"it watches the root directory for files that come and go",
		func() (int, error) {
			fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
			if err != nil {
				return -1, err
			}
			_, err = unix.InotifyAddWatch(fd, "/", unix.IN_CREATE|unix.IN_DELETE)
			return fd, err
		})
}

// pidFD is a pidfd of the worker itself.
func pidFD() Scenario {
	return singleDescriptor(schema.PidFD, "pidfd", "pidfd", "it stands for this process itself", func() (int, error) {
		return unix.PidfdOpen(os.Getpid(), 0)
	})
}
