package actions

import (
	"errors"

	"github.com/ipctop/ipctop/collect/kernel/process"
)

// ErrClosed is the error of every deed of a program that was started without standard output or standard error:
// nobody could read what it does.
var ErrClosed = errors.New("nothing was done, since nobody could read it: standard output or standard error is " +
	"closed, or is /dev/null opened for reading and writing; say > /dev/null for output that nobody needs")

// errBothClosed is the error of a deed in util-linux's words. Most of them print nothing, so one stream is enough.
var errBothClosed = errors.New("nothing was done, since standard output and standard error are closed")

// heard returns an error if fewer than least of standard output and standard error are open.
func heard(least int) error {
	switch open := 2 - len(process.ClosedStreams()); {
	case open >= least:
		return nil
	case least == 2:
		return ErrClosed
	}
	return errBothClosed
}
