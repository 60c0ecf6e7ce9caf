package kernel

import (
	"time"

	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// Born is the time when the file was made. The time comes from the clock of that moment.
func (h *Host) Born(path string) (born time.Time, ok bool) { return vfs.Born(h.Root, path) }

// LoopFiles gives the file behind each loop device. The key is the device, for example "/dev/loop0".
func (h *Host) LoopFiles() map[string]string { return vfs.LoopFiles(h.Root) }

// SpecialFiles lists the FIFOs and sockets below directories.
func (h *Host) SpecialFiles(scan vfs.PathScan) vfs.PathsFound { return vfs.SpecialFiles(h.Root, scan) }
