package actions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/own"
)

// Deed is one entry of the journal: a step of a plan with its result.
type Deed struct {
	Time       time.Time       `json:"time"`    // of the intent; of the result if there is no intent
	Ended      *time.Time      `json:"ended"`   // of the result; null without one
	PlanID     string          `json:"plan_id"` // "" for a deed of ipcrm, and for lines of older versions
	Saved      int             `json:"saved"`   // number for undo of what the plan saved; 0: nothing
	Step       int             `json:"step"`    // in the plan, from 1; 0 without a plan
	Ref        string          `json:"ref"`
	Outcome    Outcome         `json:"outcome"`
	Says       string          `json:"says"`
	Equivalent string          `json:"equivalent"`
	Plan       []string        `json:"plan"`   // the title, the step and the notes, as a person saw them
	Object     json.RawMessage `json:"object"` // the facts of the object before
	origin
}

// Unknown is the outcome of a deed without a result: ipctop or the machine ended before, or the disk was full. The deed
// may be done or not.
const Unknown Outcome = "unknown"

// Title is the title of the deed's plan, or its command without a plan.
func (d *Deed) Title() string {
	if len(d.Plan) > 0 {
		return d.Plan[0]
	}
	return d.Equivalent
}

// Who names the user, and the user behind sudo: "root (sudo: alice)".
func (d *Deed) Who() string {
	if d.SudoUser != "" {
		return d.User + " (sudo: " + d.SudoUser + ")"
	}
	return d.User
}

// Log is what a journal holds.
type Log struct {
	Path   string       // of the newest file
	Deeds  []Deed       // oldest first
	Broken int          // lines that are no entry: cut off by a full disk or a crash
	Unread []UnreadFile // files that are left out
}

// UnreadFile is a file of the journal that could not be read, and why.
type UnreadFile struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// Read reads the whole journal. Without a journal the Log is empty. Reading changes nothing.
func (j *Journal) Read() (Log, error) {
	path, err := j.path()
	if err != nil {
		return Log{}, err
	}
	log := Log{Path: path}
	dir, err := own.OpenDir(filepath.Dir(path), false)
	if errors.Is(err, fs.ErrNotExist) {
		return log, nil
	}
	if err != nil {
		return log, err
	}
	defer dir.Close()
	files, err := journalsOf(dir)
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if err != nil {
		return log, err
	}
	r := &reading{Log: &log, open: map[string]int{}, begun: map[string]bool{}}
	for _, f := range files {
		text, err := readJournal(f)
		if err != nil {
			log.Unread = append(log.Unread, UnreadFile{f.Name(), err.Error()})
			continue
		}
		for text := range bytes.Lines(text) {
			r.take(bytes.TrimSpace(text))
		}
	}
	r.end()
	return log, nil
}

// readJournal reads one file. A journal may be larger than usual if one plan was. A part of a file is not taken for the
// whole.
func readJournal(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > mostRead {
		return nil, fmt.Errorf("it is larger than %d MiB", mostRead>>20)
	}
	return io.ReadAll(io.LimitReader(f, mostRead))
}

// Log reads the journal of the planner's user.
func (p *Planner) Log() (Log, error) { return p.journal.Read() }

// mostRead is the largest size of one file, in bytes.
const mostRead = 64 << 20

// journalsOf opens the files of a journal, the oldest first. The lock keeps another ipctop from renaming them
// meanwhile. An older version has made no lock.
func journalsOf(dir *own.Dir) (files []*os.File, err error) {
	lock, err := dir.Lock(journalLock, true)
	switch {
	case err == nil:
		defer lock.Close()
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	for i := oldJournals; i >= 0; i-- {
		name := journalName
		if i > 0 {
			name = oldJournal(i)
		}
		f, err := dir.Open(name, os.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return files, err
		}
		files = append(files, f)
	}
	return files, nil
}

// reading is a Log that grows line by line.
type reading struct {
	*Log
	open  map[string]int  // the deeds that wait for their results, by plan and step
	begun map[string]bool // plans whose last intent, or a result, is there
}

// take adds one line. A result completes the deed of its intent.
func (r *reading) take(text []byte) {
	if len(text) == 0 {
		return
	}
	var got line
	var object json.RawMessage
	got.Object = &object
	when, err := time.Time{}, json.Unmarshal(text, &got)
	if err == nil {
		when, err = time.Parse(time.RFC3339Nano, got.Time)
	}
	if err != nil || got.Event == "" || got.Ref == "" {
		r.Broken++
		return
	}
	key := fmt.Sprintf("%s %d", got.PlanID, got.Step)
	if got.PlanID == "" {
		key = fmt.Sprintf("%s %d %s", got.BootID, got.PID, got.Ref)
	}
	if got.Event != intentEvent || got.Step == got.Steps {
		r.begun[got.PlanID] = true
	}
	if got.Event != intentEvent {
		if i, ok := r.open[key]; ok {
			d := &r.Deeds[i]
			d.Ended, d.Outcome, d.Says = &when, Outcome(got.Event), got.Says
			delete(r.open, key)
			return
		}
	}
	d := Deed{Time: when, PlanID: got.PlanID, Saved: got.Saved, Step: got.Step, Ref: got.Ref,
		Outcome: Outcome(got.Event), Says: got.Says, Equivalent: got.Equivalent, Plan: got.Plan, Object: object,
		origin: got.origin}
	if got.Event == intentEvent {
		d.Outcome = Unknown
		r.open[key] = len(r.Deeds)
	} else {
		d.Ended = &when
	}
	r.Deeds = append(r.Deeds, d)
}

// end judges the deeds without a result. A plan begins its deeds only after its last intent is on disk.
func (r *reading) end() {
	for _, i := range r.open {
		if d := &r.Deeds[i]; d.PlanID != "" && !r.begun[d.PlanID] {
			d.Outcome, d.Says = Refused, "not done: the journal could not be written"
		}
	}
}

// LogFilter chooses deeds. A zero field chooses all.
type LogFilter struct {
	Since, Until time.Time
	User         string // the user, the user behind sudo, or a uid
	Ref          string // a whole Ref, or a kind
	Outcome      Outcome
	Last         int // the newest ones
}

// Choose keeps the deeds that the filter names.
func (l *Log) Choose(f LogFilter) {
	l.Deeds = slices.DeleteFunc(l.Deeds, func(d Deed) bool { return !f.holds(&d) })
	if n := len(l.Deeds); f.Last > 0 && n > f.Last {
		l.Deeds = l.Deeds[n-f.Last:]
	}
}

func (f *LogFilter) holds(d *Deed) bool {
	kind, _, _ := strings.Cut(d.Ref, ":")
	return (f.Since.IsZero() || !d.Time.Before(f.Since)) && (f.Until.IsZero() || d.Time.Before(f.Until)) &&
		(f.User == "" || f.User == d.User || f.User == d.SudoUser || f.User == fmt.Sprint(d.UID)) &&
		(f.Ref == "" || f.Ref == d.Ref || f.Ref == kind) && (f.Outcome == "" || f.Outcome == d.Outcome)
}
