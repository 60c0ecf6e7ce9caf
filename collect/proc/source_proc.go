package proc

import (
	"cmp"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/process"
)

// procSource is /proc.
type procSource struct{}

func (procSource) descriptors(p *Process, dir process.Dir, buf []byte, scan *fdScan) bool {
	p.FDErr = dir.FDs(buf, scan.visit)
	if !dir.Live() { // /proc lists them in ascending order, other file systems do not
		slices.SortFunc(scan.found, func(a, b FD) int { return cmp.Compare(a.Num, b.Num) })
	}
	p.FDErr = cmp.Or(p.FDErr, scan.err)
	p.ownTables(dir, buf, scan)
	return true
}
