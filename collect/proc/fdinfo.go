package proc

import (
	"bytes"
	"errors"

	"github.com/ipctop/ipctop/collect/kernel/process"
)

// FDInfo is the text of one /proc/PID/fdinfo/N. The walk reads it anew in every tick: a counter, a timer or a lock
// changes without a step of the process that holds it.
type FDInfo struct {
	Text []byte
	Err  error
}

// ErrNotTold is for what this kernel's fdinfo does not say.
var ErrNotTold = errors.New("not told")

// fdinfo reads what was asked for.
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
	}
}
