package demo

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/own"
)

// entry is one line of a journal. Most things have two lines with the same N: "will" before the thing is made, and
// "made" with its identity. A process has only the second line.
type entry struct {
	Event string `json:"event"` // demo (the first line), will, made, or void, which withdraws a will
	N     string `json:"n,omitempty"`
	// proc; msg sem shm; pmsg psem pshm: Path is the name; dir; fifo, socket, file: Path is in that directory
	Kind string `json:"kind,omitempty"`
	Time int64  `json:"time"` // Unix seconds, when the line was written

	PID   int    `json:"pid,omitempty"`   // demo: the main process; proc: that process; else the creator
	Start uint64 `json:"start,omitempty"` // start time of PID, in clock ticks since boot
	Boot  string `json:"boot,omitempty"`  // demo: the boot for which pids, start times and System V objects are valid
	PIDNS uint64 `json:"pid_ns,omitempty"`
	IPCNS uint64 `json:"ipc_ns,omitempty"`

	UID   uint32 `json:"uid,omitempty"` // System V: creator's effective uid
	Key   uint32 `json:"key,omitempty"` // 0: IPC_PRIVATE
	ID    int    `json:"id,omitempty"`
	CTime int64  `json:"ctime,omitempty"` // Unix seconds

	Path string `json:"path,omitempty"`
	Dev  uint64 `json:"dev,omitempty"`
	Ino  uint64 `json:"ino,omitempty"`
}

// journal records what a demo made. The main process and its workers append to the same open file. With O_APPEND their
// one-line writes do not mix (man 2 open).
type journal struct {
	file *os.File
	seq  *atomic.Int64
}

func newJournal(f *os.File) journal { return journal{file: f, seq: new(atomic.Int64)} }

// createJournal makes the state file of a demo of this process.
func createJournal(state *own.Dir) (journal, error) {
	first, err := thisProcess()
	if err != nil {
		return journal{}, err
	}
	var random [4]byte
	if _, err := unix.Getrandom(random[:], 0); err != nil {
		return journal{}, fmt.Errorf("getrandom: %w", err)
	}
	name := fmt.Sprintf("demo-%d-%x.json", first.PID, random)
	f, err := state.Open(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return journal{}, err
	}
	j := newJournal(f)
	if err := j.write(first); err != nil {
		return journal{}, errors.Join(err, f.Close(), state.Remove(name))
	}
	return j, nil
}

// thisProcess describes this process, its boot and its namespaces.
func thisProcess() (entry, error) {
	boot, err := bootID()
	if err != nil {
		return entry{}, err
	}
	h, err := kernel.Open("")
	if err != nil {
		return entry{}, err
	}
	pidNS, err := h.SelfNamespace("pid")
	if err != nil {
		return entry{}, err
	}
	ipcNS, err := h.SelfNamespace("ipc")
	if err != nil {
		return entry{}, err
	}
	st, err := readStat(os.Getpid())
	if err != nil {
		return entry{}, err
	}
	return entry{Event: "demo", PID: os.Getpid(), Start: st.Start, Boot: boot, PIDNS: pidNS, IPCNS: ipcNS}, nil
}

func (j journal) write(e entry) error {
	e.Time = time.Now().Unix()
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write the demo's state file: %w", err)
	}
	return nil
}

// announce records that a thing will be made, and returns its entry. The caller completes the entry and passes it to
// made.
func (j journal) announce(e entry) (entry, error) {
	e.Event, e.PID = "will", os.Getpid()
	e.N = fmt.Sprintf("%d.%d", e.PID, j.seq.Add(1))
	return e, j.write(e)
}

func (j journal) made(e entry) error {
	e.Event = "made"
	return j.write(e)
}

// withdraw records that an announced thing was not made.
func (j journal) withdraw(e entry) error { return j.write(entry{Event: "void", N: e.N}) }

// process records a process.
func (j journal) process(pid int) error {
	st, err := readStat(pid)
	if err != nil {
		return err
	}
	return j.made(entry{Kind: "proc", PID: pid, Start: st.Start})
}

// path makes a file system entry with f, and records it before and after. Dev and Ino of the result are those of the
// entry at path.
func (j journal) path(kind, path string, f func() error) (entry, error) {
	e, err := j.announce(entry{Kind: kind, Path: path})
	if err != nil {
		return e, err
	}
	if err := f(); err != nil {
		return e, fmt.Errorf("make %s: %w", path, err)
	}
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return e, fmt.Errorf("stat %s: %w", path, err)
	}
	e.Dev, e.Ino = st.Dev, st.Ino
	return e, j.made(e)
}

// readJournal returns the first line and the things of the journal. Each thing is there once, in the order of
// announcement. Its Event is "will" if only the announcement is there. A last line that was cut short is left out:
// nothing was made after it.
func readJournal(r io.Reader) (entry, []entry, error) {
	var first entry
	var things []entry
	at := map[string]int{}
	lines := bufio.NewScanner(r)
	for n := 0; lines.Scan(); n++ {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			if n > 0 && !lines.Scan() {
				break
			}
			return first, nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		switch {
		case n == 0:
			first = e
		case e.N != "" && e.Event == "made":
			if i, ok := at[e.N]; ok {
				e.Time = things[i].Time // the time of the announcement, which is before the creation
				things[i] = e
				continue
			}
			things = append(things, e)
		case e.Event == "void":
			if i, ok := at[e.N]; ok {
				things[i].Event = "void"
			}
		default:
			at[e.N] = len(things)
			things = append(things, e)
		}
	}
	if err := lines.Err(); err != nil {
		return first, nil, err
	}
	if first.Event != "demo" {
		return first, nil, errNoJournal
	}
	return first, slices.DeleteFunc(things, func(e entry) bool { return e.Event == "void" }), nil
}

var errNoJournal = errors.New("not a demo's state file")
