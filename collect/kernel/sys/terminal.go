package sys

import "golang.org/x/sys/unix"

// TerminalColumns gives the width of the terminal behind a descriptor. ok is false if it is no terminal; a terminal
// that does not know its width has 0 columns.
func TerminalColumns(fd uintptr) (columns int, ok bool) {
	size, err := unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	return int(size.Col), true
}
