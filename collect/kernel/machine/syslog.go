package machine

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	syslogSocket = "/dev/log" // of syslogd, or of journald
	// syslogPriority is facility user and severity notice, as of logger(1): RFC 3164, 4.1.1.
	syslogPriority = 1<<3 | 5
	syslogWait     = time.Second
)

// Syslog sends one line to the system's log, as syslog(3) does: "<13>Nov 30 18:10:55 ipctop[42]: text". text has no
// control characters. It waits a second at most for a log daemon that does not read.
func Syslog(pid int, now time.Time, text string) error {
	line := fmt.Appendf(nil, "<%d>%s ipctop[%d]: %s", syslogPriority, now.Format(time.Stamp), pid, text)
	err := send(unix.SOCK_DGRAM, line)
	if err == unix.EPROTOTYPE { // an old syslogd listens on a stream, where a zero byte ends a line
		err = send(unix.SOCK_STREAM, append(line, 0))
	}
	if err != nil {
		return fmt.Errorf("write to %s: %w", syslogSocket, err)
	}
	return nil
}

func send(kind int, line []byte) error {
	fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	limit := unix.NsecToTimeval(int64(syslogWait))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit); err != nil {
		return err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: syslogSocket}); err != nil {
		return err
	}
	return unix.Send(fd, line, unix.MSG_NOSIGNAL)
}
