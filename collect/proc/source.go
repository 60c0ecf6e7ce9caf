package proc

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/openfile"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/schema"
)

// source tells the walk facts of processes. Each method is false if the source cannot tell the facts of this process.
// The walk then asks the next source. /proc is the last one, and tells all. All sources tell the same facts: an
// ordinary user, and a container without the rights, lose speed only.
type source interface {
	// descriptors gives the scan the descriptors of the process, with those in own tables of threads.
	descriptors(p *Process, dir process.Dir, buf []byte, scan *fdScan) bool
}

// Source is the name of a source.
type Source string

// The sources. AnySource lets each tick take what costs less.
const (
	AnySource Source = ""
	FromProc  Source = "proc"
	FromBPF   Source = "bpf"
)

// UseSource makes the ticks take one source, for tests and in doubt. Where BPF cannot serve, /proc does.
func UseSource(kept *Kept, s Source) { Keep(kept, func() sources { return sources{} }).forced = s }

// sources holds the programs of BPF between ticks, and why there are none.
type sources struct {
	forced Source
	files  *openfile.Reader
	err    error // why BPF does not serve
	tasks  taskProgram
}

// Costs in nanoseconds of CPU, measured on 1,000 processes with 50 descriptors each. They only decide which source
// serves.
const (
	procPerFile = 3500 // readlinkat and a part of getdents64
	bpfPerFile  = 400  // of every descriptor on the machine
	bpfLoading  = 15e6 // at the first time: reads the kernel's types and loads the program
)

// choose picks the sources of a tick. The tick reads the tables of processes with unread descriptors. total is the
// number of descriptors on the machine. paths is true if the tick needs the paths of all files.
func (s *sources) choose(h *kernel.Host, unread, total int, paths bool) []source {
	list := []source{procSource{}}
	cost := bpfPerFile * total
	if s.files == nil {
		cost += bpfLoading
	}
	if s.forced == FromProc || s.err != nil || s.forced != FromBPF && procPerFile*unread <= cost {
		return list
	}
	if s.open(h); s.err != nil {
		return list
	}
	files, err := s.files.Read(paths)
	if errors.Is(err, openfile.ErrNone) {
		s.err = err
	}
	if err != nil { // the next tick tries again
		return list
	}
	return []source{&bpfSource{files}, procSource{}}
}

// open prepares the program at the first need.
func (s *sources) open(h *kernel.Host) {
	if s.files != nil || s.err != nil {
		return
	}
	if s.err = mayShowAsProc(); s.err != nil {
		return
	}
	s.files, s.err = openfile.Open(h.Root)
}

// mayShowAsProc is the reason why programs of BPF would not show what /proc shows: the reader may not see all
// processes, or /proc counts them otherwise.
func mayShowAsProc() error {
	if err := sys.CheckPIDs(); err != nil {
		return err
	}
	if !sys.MayTraceAll() {
		return fmt.Errorf("it takes CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE: %w", fs.ErrPermission)
	}
	return nil
}

// Source is the source that served the tick, as far as one did.
func (t *Tick) Source() Source {
	if t.bpf() != nil || t.walker.tasks != nil {
		return FromBPF
	}
	return FromProc
}

// bpf is what BPF programs listed in this tick. nil: they did not serve.
func (t *Tick) bpf() *bpfSource {
	for _, s := range t.walker.sources {
		if b, ok := s.(*bpfSource); ok {
			return b
		}
	}
	return nil
}

// pipeStates holds the states of pipes by inode.
type pipeStates map[uint64]process.PipeState

// PipeState is the state of a pipe at the beginning of the tick. ok is false if the state was not read, and for a FIFO:
// then only process.ReadPipe tells the state.
func (t *Tick) PipeState(pipe FileID) (state process.PipeState, ok bool) {
	b := t.bpf()
	if b == nil || pipe.Dev != 0 {
		return state, false
	}
	state, ok = Memo(t, func(*Tick) pipeStates { return b.files.Pipes() })[pipe.Ino]
	return state, ok
}

// reading counts the descriptors that a tick has to read, and those on the machine, as far as both are known before.
// Of processes that no tick has read it asks 16 how many they have.
func (w *walker) reading(pids []int, clocks []clock, needs schema.Need) (unread, total int) {
	if needs&fdNeeds == 0 || !w.host.Live() {
		return 0, 0
	}
	var unknown []int
	for i, pid := range pids {
		old, ok := w.cache[pid]
		switch {
		case !ok || old.known == nil || old.fds == 0:
			unknown = append(unknown, pid)
		case !old.holds(clocks[i]) || !old.fds.Has(needs&fdNeeds):
			unread += old.files
			fallthrough
		default:
			total += old.files
		}
	}
	const sample = 16
	asked, found := 0, 0
	for i := 0; i < len(unknown); i += 1 + len(unknown)/sample {
		asked, found = asked+1, found+process.OpenFiles(unknown[i])
	}
	if asked > 0 {
		unread, total = unread+found*len(unknown)/asked, total+found*len(unknown)/asked
	}
	return unread, total
}
