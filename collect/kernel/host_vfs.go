package kernel

import (
	"time"

	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// Born is when the file was made, by the clock of that moment.
func (h *Host) Born(path string) (born time.Time, ok bool) { return vfs.Born(h.Root, path) }

// LoopFiles are the files that loop devices are on, by device ("/dev/loop0").
func (h *Host) LoopFiles() map[string]string { return vfs.LoopFiles(h.Root) }

// SpecialFiles lists the FIFOs and sockets below directories, with whole paths as Name.
func (h *Host) SpecialFiles(scan vfs.PathScan) (files []vfs.PosixFile, unread []string, full bool) {
	return vfs.SpecialFiles(h.Root, scan)
}
