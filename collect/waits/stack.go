package waits

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
)

// NeedStack asks for the stacks of waiting threads, and for the symbols of their programs.
const NeedStack schema.Need = 1 << 38

// stacks reads where threads sleep: in the kernel, and in their programs.
type stacks struct {
	tick     *proc.Tick
	buf      []byte
	programs map[[2]uint64]*process.Symbols // by device and inode; nil: not readable
}

func newStacks(t *proc.Tick) *stacks {
	return &stacks{tick: t, programs: map[[2]uint64]*process.Symbols{}}
}

// of is the stack of a waiting thread: first the functions of the kernel, then the likely places of the program.
func (s *stacks) of(p *proc.Process, n *relate.Node, ref schema.Ref) schema.Value {
	if !s.tick.WantsFor(ref, NeedStack) {
		return schema.Uncollected(schema.TypeList)
	}
	th := s.tick.ThreadOf(p, n.Task.TID)
	if n.Task.Activity != relate.Waiting || th == nil || p.PID == s.tick.Self || !s.tick.Host.Live() {
		return schema.None(schema.TypeList)
	}
	dir, err := s.tick.Host.OpenProc(p.Living())
	if err != nil {
		return schema.None(schema.TypeList)
	}
	defer dir.Close()
	var lines []string
	functions, kernelErr := dir.KernelStack(n.Task.TID, s.buf)
	for _, f := range functions {
		lines = append(lines, "kernel: "+f)
	}
	sites, err := s.sites(dir, th.Call)
	if lines = append(lines, sites...); len(lines) == 0 && (sys.Denied(kernelErr) || sys.Denied(err)) {
		return schema.Refused(schema.TypeList)
	}
	return schema.List(lines)
}

// errMayHang means that the program lies on a network or FUSE mount.
var errMayHang = errors.New("the program's file may hang")

func (s *stacks) sites(dir process.Dir, c process.BlockedCall) ([]string, error) {
	exe, err := dir.Readlink("exe")
	if err != nil {
		return nil, err
	}
	texts, err := dir.ProgramText(exe, s.buf)
	if err != nil || len(texts) == 0 {
		return nil, err
	}
	offsets, err := dir.CallSites(c, texts)
	if err != nil {
		return nil, err
	}
	symbols, _ := s.symbols(dir, exe, &texts[0])
	name := path.Base(strings.TrimSuffix(exe, " (deleted)"))
	var lines []string
	for _, offset := range offsets {
		where := ""
		if symbols != nil {
			where = symbols.Name(offset)
		}
		if where == "" {
			where = fmt.Sprintf("%s at 0x%x", name, offset)
		}
		if line := "likely: " + where; !isPlumbing(where) && !slices.Contains(lines, line) && len(lines) < mostSites {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

const mostSites = 8 // of a program, in a cell

// isPlumbing reports true for functions that tell nobody where a program waits: its start, and the way of a Go program
// into the kernel.
func isPlumbing(name string) bool {
	return slices.ContainsFunc([]string{"_start+", "runtime.", "internal/runtime/", "syscall.", "internal/poll."},
		func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// symbols are read once for all processes of a program.
func (s *stacks) symbols(dir process.Dir, exe string, t *process.Text) (*process.Symbols, error) {
	key := [2]uint64{t.Dev, t.Ino}
	known, ok := s.programs[key]
	if ok {
		return known, nil
	}
	var err error
	if s.tick.Hangs(dir)([]byte(exe)) {
		err = errMayHang
	} else {
		known, err = dir.Symbols()
	}
	s.programs[key] = known
	return known, err
}
