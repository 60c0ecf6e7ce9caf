package proc

import (
	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/schema"
)

// HiddenFiles counts the open files that no process has a descriptor of.
type HiddenFiles struct {
	InFlight   int // descriptors in messages on UNIX sockets (SCM_RIGHTS) that no process has received yet
	Registered int // files that are registered with an io_uring; a process may close its descriptor after that
}

// HiddenFiles counts the hidden files, once a tick. It reads fdinfo of all sockets and rings.
func (t *Tick) HiddenFiles() HiddenFiles { return Memo(t, countHidden) }

func countHidden(t *Tick) (hidden HiddenFiles) {
	seen := map[uint64]bool{}
	for _, p := range t.procs {
		for i := range p.FDs {
			fd := &p.FDs[i]
			ring := t.KindOf(fd) == schema.IOUring
			if !ring && (fd.Kind != FDSocket || seen[fd.Ino]) {
				continue
			}
			text, err := t.DescriptorText(FDUse{p, fd})
			switch {
			case sys.Gone(err):
				continue
			case err != nil:
				hidden.InFlight++ // fdinfo is unreadable: the socket may have one
			case ring:
				info, _ := fdinfo.ParseIOUring(text) // without the lines about files, the ring has no files
				hidden.Registered += info.UserFiles
			default:
				n, _ := fdinfo.ParseInFlight(text)
				hidden.InFlight += n
			}
			seen[fd.Ino] = seen[fd.Ino] || fd.Kind == FDSocket
		}
	}
	return hidden
}

// DescriptorText reads a descriptor's fdinfo.
func (t *Tick) DescriptorText(u FDUse) ([]byte, error) {
	dir, err := t.Host.OpenProc(u.Process.Living())
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.FDInfo(int(u.FD.Num), nil)
}
