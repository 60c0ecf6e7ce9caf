package demo

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// unixAbstract: a name that is in no file system and vanishes with its socket (man 7 unix).
func unixAbstract() Scenario {
	return unixPair("unix-abstract", "Unix socket with an abstract name",
		"the name begins with @ and is in no file system",
		unix.SOCK_STREAM, func(*stage) (string, error) { return fmt.Sprintf("@ipctop-demo-%d", os.Getpid()), nil })
}
