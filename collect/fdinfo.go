package collect

import (
	"bytes"
	"errors"

	"github.com/ipctop/ipctop/collect/kernel"
)

// fdInfo is the text of one /proc/PID/fdinfo/N. The walk reads it anew in every tick: a counter, a timer or a lock
// changes without a step of the process that holds it.
type fdInfo struct {
	text []byte
	err  error
}

// errNotTold is for what this kernel's fdinfo does not say.
var errNotTold = errors.New("not told")

// fdinfo reads what was asked for.
func (w *walker) fdinfo(p *Process, dir kernel.ProcDir, buf []byte) {
	for i := range p.fds {
		fd := &p.fds[i]
		if !w.info.wants(fd) {
			continue
		}
		text, err := dir.FDInfo(int(fd.Num), buf)
		if p.info == nil {
			p.info = map[int32]fdInfo{}
		}
		p.info[fd.Num] = fdInfo{bytes.Clone(text), err}
	}
}
