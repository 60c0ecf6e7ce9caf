package proc

import (
	"bytes"
	"errors"
	"io/fs"

	"github.com/ipctop/ipctop/collect/kernel/process"
)

// FDInfo is the text of one /proc/PID/fdinfo/N. The walk reads the text again in every tick. A counter, a timer or a
// lock can change while its holder does not run.
type FDInfo struct {
	Text []byte
	Err  error
}

// ErrNotTold is the error for a value that this kernel's fdinfo does not have.
var ErrNotTold = errors.New("not told")

// fdinfo reads fdinfo of the descriptors in w.info.
func (w *walker) fdinfo(p *Process, dir process.Dir, buf []byte) {
	for i := range p.FDs {
		fd := &p.FDs[i]
		if !w.info.wants(fd) {
			continue
		}
		info := FDInfo{Err: fs.ErrNotExist}
		p.withTable(dir, fd.Table, func(of process.Dir) {
			text, err := of.FDInfo(int(fd.Num), buf)
			info = FDInfo{bytes.Clone(text), err}
		})
		if p.Info == nil {
			p.Info = map[FDNum]FDInfo{}
		}
		p.Info[fd.ID()] = info
		if err := failure(info.Err); err != nil && p.FDErr == nil {
			p.FDErr = err
		}
	}
}
