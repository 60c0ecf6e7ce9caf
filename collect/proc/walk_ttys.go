package proc

import (
	"bytes"
	"path"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// mayBeTTY tells by the name which descriptors to look at: /dev/ptmx, /dev/pts/ptmx, /dev/pts/3, in any root directory.
func mayBeTTY(target []byte) bool {
	dir, name := path.Split(strings.TrimSuffix(string(target), DeletedSuffix))
	return name == "ptmx" || strings.HasSuffix(dir, "/pts/") && len(bytes.Trim([]byte(name), "0123456789")) == 0
}

// terminal recognises an end of a pseudoterminal by its device number. A container's terminals may lie on a devpts of
// its own: the slave's inode does, the master's counterpart is the file system at "pts" beside the ptmx that was
// opened (devpts_mntget, fs/devpts).
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

// ttyByName is for file trees, which have no devices.
func ttyByName(num int, target []byte) FD {
	fd := FD{Num: int32(num), Kind: FDPtmx, Path: string(target)}
	if index, err := strconv.ParseUint(path.Base(strings.TrimSuffix(fd.Path, DeletedSuffix)), 10, 32); err == nil {
		fd.Kind, fd.Ino = FDSlave, index
	}
	return fd
}
