package proc

import (
	"bytes"
	"path"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// mayBeTTY reports whether a path has the name of a terminal: /dev/ptmx, /dev/pts/ptmx, /dev/pts/3, in any root
// directory.
func mayBeTTY(target []byte) bool {
	dir, name := path.Split(strings.TrimSuffix(string(target), DeletedSuffix))
	return name == "ptmx" || strings.HasSuffix(dir, "/pts/") && len(bytes.Trim([]byte(name), "0123456789")) == 0
}

// terminal recognises an end of a pseudoterminal by its device number. A container may have its own devpts. A slave's
// inode is on that devpts. A master's devpts is mounted at "pts" beside the opened ptmx (devpts_mntget, fs/devpts).
func (s *fdScan) terminal(fd *FD, id vfs.FileID) bool {
	if index, ok := id.TerminalSlave(); ok {
		fd.Kind, fd.Ino = FDSlave, uint64(index)
		return true
	}
	if !id.IsTerminalMaster() {
		return false
	}
	fd.Kind, fd.Ino = FDPtmx, 0 // fdinfo tells its index
	if dir := path.Dir(fd.Path); path.Base(dir) != "pts" {
		if devpts, err := s.proc.StatPath(dir + "/pts"); err == nil {
			fd.Dev = devpts.Dev
		}
	}
	return true
}

// ttyByName recognises a terminal in a file tree, which has no devices.
func ttyByName(num int, target []byte) FD {
	fd := FD{Num: int32(num), Kind: FDPtmx, Path: string(target)}
	if index, err := strconv.ParseUint(path.Base(strings.TrimSuffix(fd.Path, DeletedSuffix)), 10, 32); err == nil {
		fd.Kind, fd.Ino = FDSlave, index
	}
	return fd
}
