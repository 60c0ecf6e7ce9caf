package sys

import (
	"bytes"
	"fmt"
	"time"
)

// TimeOffset is the offset of our time namespace. /proc adds the offset to start times (man 7 time_namespaces). It is
// the line "boottime SECONDS NANOSECONDS" of timens_offsets. Kernels without time namespaces have no such file.
func TimeOffset(root Root) time.Duration {
	text, err := root.ReadFile("/proc/self/timens_offsets")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		var sec, nsec int64
		if n, _ := fmt.Sscanf(string(line), "boottime %d %d", &sec, &nsec); n == 2 {
			return time.Duration(sec)*time.Second + time.Duration(nsec)
		}
	}
	return 0
}

// StartTicks turns task_struct.start_boottime, in nanoseconds, into the start time of /proc/PID/stat, in clock ticks.
func StartTicks(boottime uint64, timeNS time.Duration) uint64 {
	return (boottime + uint64(timeNS)) / (uint64(time.Second) / ClockTick)
}
