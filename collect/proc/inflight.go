package proc

import (
	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/schema"
)

// HiddenFiles are files that are open without a descriptor of any process.
type HiddenFiles struct {
	Flying     int // descriptors in messages on UNIX sockets (SCM_RIGHTS) that nobody has received yet
	Registered int // files that an io_uring has, after which their descriptors may be closed
}

// HiddenFiles counts them once a tick, by fdinfo of the sockets and rings that processes have.
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
				hidden.Flying++ // it may be
			case ring:
				info, _ := fdinfo.ParseIOUring(text) // a ring whose text says nothing of files has none
				hidden.Registered += info.UserFiles
			default:
				n, _ := fdinfo.ParseInFlight(text)
				hidden.Flying += n
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
