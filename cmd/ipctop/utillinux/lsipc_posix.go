package utillinux

import (
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// POSIX objects in lsipc. The kernel knows only their owner, so the creator is the owner.

func (r *lsipcRun) posixCell(f *vfs.PosixFile, name, column string) cell {
	switch column {
	case "NAME":
		return textCell(name)
	case "MTIME":
		return r.timeCell(f.MTime.Unix())
	}
	return r.ownerCell(column, f.UID, f.UID, f.GID, uint32(f.Mode.Perm()))
}

// wanted is true if the run lists an object with this name: -N gives the same name, or there is no -N.
func (r *lsipcRun) wanted(name string) bool { return !r.named || name == r.object }

// warnIfMissing warns if no object has the name of -N. The exit code stays 0.
func (r *lsipcRun) warnIfMissing(rows []lsipcRow, what string) []lsipcRow {
	if len(rows) == 0 && r.named {
		r.warn("%s %s not found", what, r.object)
	}
	return rows
}

func (r *lsipcRun) posixMsgRows() []lsipcRow {
	if r.named && (r.object == "" || r.object[0] != '/') {
		r.warn("mqueue name must start with '/': %s", r.object)
		return nil
	}
	queues, err := r.host.PosixQueues()
	if err != nil {
		r.queuesUnseen(err)
		return nil
	}
	var rows []lsipcRow
	for _, q := range queues {
		name := "/" + q.Name
		if !r.wanted(name) {
			continue
		}
		rows = append(rows, func(column string) cell {
			switch column {
			case "USEDBYTES":
				return r.bytesCell(q.Bytes)
			case "MSGS":
				return textCell(strconv.FormatInt(q.Messages, 10))
			}
			return r.posixCell(&q.PosixFile, name, column)
		})
	}
	return r.warnIfMissing(rows, "message queue")
}

func (r *lsipcRun) posixShmRows() []lsipcRow {
	files, err := r.host.PosixShmFiles()
	if err != nil {
		r.cannotOpen("/dev/shm", err)
		return nil
	}
	var rows []lsipcRow
	for _, f := range files {
		if !r.wanted(f.Name) {
			continue
		}
		rows = append(rows, func(column string) cell {
			if column == "SIZE" {
				return r.bytesCell(f.Size)
			}
			return r.posixCell(&f, f.Name, column)
		})
	}
	return r.warnIfMissing(rows, "shared memory segment")
}

func (r *lsipcRun) posixSemRows() []lsipcRow {
	sems, err := r.host.PosixSems()
	if err != nil {
		r.cannotOpen("/dev/shm", err)
		return nil
	}
	var rows []lsipcRow
	for _, s := range sems {
		if !r.wanted(s.Name) {
			continue
		}
		rows = append(rows, func(column string) cell {
			if column == "SVAL" {
				return numberCell(uint64(s.Value))
			}
			return r.posixCell(&s.PosixFile, s.Name, column)
		})
	}
	return r.warnIfMissing(rows, "semaphore")
}
