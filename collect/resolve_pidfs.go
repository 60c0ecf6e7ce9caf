package collect

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/schema"
)

// errNoPidfs refuses a PID:INODE that cannot be compared.
var errNoPidfs = errors.New("its pidfd has no inode number of its own to compare: that takes Linux 6.9, and a " +
	"process of this pid namespace")

// otherProcess is the error for a PID:INODE whose pid belongs to a process with another inode.
type otherProcess struct{ pid, inode uint64 }

func (e otherProcess) Error() string {
	return fmt.Sprintf("pid %d belongs to another process now: its pidfd has the inode %d", e.pid, e.inode)
}
func (otherProcess) Unwrap() error { return fs.ErrNotExist }

// checkInode returns an error if the pidfd of a process has not the inode number that the person gave. Pidfs gives no
// number twice until the next boot (fs/pidfs.c, Linux 6.9).
func checkInode(sel schema.Selector, ref schema.Ref) error {
	if sel.Inode == 0 {
		return nil
	}
	inode, ok := process.PidfsInode(int(ref.ID), ref.Gen)
	switch {
	case !ok:
		return errNoPidfs
	case inode != sel.Inode:
		return otherProcess{ref.ID, inode}
	}
	return nil
}
