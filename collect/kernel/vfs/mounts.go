package vfs

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Mount is a mount as a process sees it: a line of /proc/PID/mountinfo (man 5 proc_pid_mountinfo).
type Mount struct {
	ID           int    // the number of the mount, as in statx's stx_mnt_id
	Dev          uint64 // the device number of the file system
	Root         string // the directory of the file system that is mounted, "/" for a whole file system
	Point        string // the path where the process sees this directory
	Options      string // of this mount, with commas
	Type         string // of the file system
	SuperOptions string // of the file system, with commas
}

// OwnMounts lists the mounts of the reader's own mount namespace, in the order of mounting.
func OwnMounts() ([]Mount, error) { return mountsIn("/proc/self/mountinfo") }

// MountsOf lists the mounts of a process's mount namespace, in the order of mounting. unix.EINVAL: the process has left
// its namespace, since it ends (mounts_open_common, fs/proc_namespace.c).
func MountsOf(pid int) ([]Mount, error) { return mountsIn(fmt.Sprintf("/proc/%d/mountinfo", pid)) }

func mountsIn(path string) ([]Mount, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	mounts, err := parseMounts(string(text))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return mounts, nil
}

func parseMounts(text string) ([]Mount, error) {
	mounts := make([]Mount, 0, strings.Count(text, "\n"))
	for line := range strings.Lines(text) {
		m, ok := parseMount(strings.TrimSuffix(line, "\n"))
		if !ok {
			return nil, fmt.Errorf("malformed line %q", line)
		}
		mounts = append(mounts, m)
	}
	return mounts, nil
}

// unescape undoes the escapes in paths: the kernel writes blanks, newlines and backslashes in octal (show_mountinfo,
// fs/proc_namespace.c).
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// parseMount reads a line: ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [FIELD…] - TYPE SOURCE OPTIONS. A SOURCE can be
// empty.
func parseMount(line string) (m Mount, ok bool) {
	front, back, found := strings.Cut(line, " - ")
	first, last := strings.Split(front, " "), strings.SplitN(back, " ", 3)
	if !found || len(first) < 6 || len(last) < 3 {
		return m, false
	}
	high, low, _ := strings.Cut(first[2], ":")
	id, err1 := strconv.Atoi(first[0])
	major, err2 := strconv.ParseUint(high, 10, 32)
	minor, err3 := strconv.ParseUint(low, 10, 32)
	return Mount{ID: id, Dev: unix.Mkdev(uint32(major), uint32(minor)), Root: unescape.Replace(first[3]),
			Point: unescape.Replace(first[4]), Options: first[5], Type: last[0], SuperOptions: last[2]},
		err1 == nil && err2 == nil && err3 == nil
}

// Option finds an option, and its value if the option has one: "hidepid=2".
func Option(options, name string) (value string, has bool) {
	for option := range strings.SplitSeq(options, ",") {
		if key, value, _ := strings.Cut(option, "="); key == name {
			return value, true
		}
	}
	return "", false
}
