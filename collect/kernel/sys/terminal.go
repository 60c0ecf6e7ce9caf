package sys

import "golang.org/x/sys/unix"

// TerminalColumns is the width of the terminal behind a descriptor. ok is false if the descriptor is no terminal. A
// terminal that does not know its width has 0 columns.
func TerminalColumns(fd uintptr) (columns int, ok bool) {
	size, err := unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	return int(size.Col), true
}
