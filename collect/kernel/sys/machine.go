package sys

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// BootTime is the time when the machine started: CLOCK_REALTIME − CLOCK_BOOTTIME. /proc's start times in clock ticks
// count from it. The btime line of /proc/stat has only whole seconds.
func BootTime() (time.Time, error) {
	var real, boot unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &real); err != nil {
		return time.Time{}, fmt.Errorf("clock_gettime CLOCK_REALTIME: %w", err)
	}
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot); err != nil {
		return time.Time{}, fmt.Errorf("clock_gettime CLOCK_BOOTTIME: %w", err)
	}
	return time.Unix(0, real.Nano()-boot.Nano()), nil
}

// PageSize is the size of a page in bytes: /proc/PID/stat's rss and the shmall limit count pages.
func PageSize() uint64 { return uint64(unix.Getpagesize()) }

// EffectiveUID is our effective user ID.
func EffectiveUID() int { return unix.Geteuid() }

// ClockTick is the number of clock ticks in a second of /proc: USER_HZ, 100 on amd64 and arm64.
const ClockTick = 100
