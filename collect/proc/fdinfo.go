package proc

import (
	"bytes"
	"errors"

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
		text, err := dir.FDInfo(int(fd.Num), buf)
		if p.Info == nil {
			p.Info = map[int32]FDInfo{}
		}
		p.Info[fd.Num] = FDInfo{bytes.Clone(text), err}
		if err = failure(err); err != nil && p.FDErr == nil {
			p.FDErr = err
		}
	}
}
