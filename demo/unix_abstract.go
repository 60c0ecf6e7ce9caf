package demo

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// unixAbstract is a socket whose name is in no file system. The name vanishes with the socket (man 7 unix).
func unixAbstract() Scenario {
	return unixPair("unix-abstract", "Unix socket with an abstract name",
		"the name begins with @ and is in no file system",
		unix.SOCK_STREAM, func(*stage) (string, error) { return fmt.Sprintf("@ipctop-demo-%d", os.Getpid()), nil })
}
