package actions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/own"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Journal is the record of all deeds: JSON lines in the files journal.jsonl, journal.jsonl.1 and so on. Before the
// first deed of a plan it holds one line for each step, on disk (man 2 fsync). After each deed it holds a line with the
// result. The directory is made right before the first deed. Several ipctops may write at the same time.
type Journal struct {
	path   func() (string, error)
	origin origin
	now    func() time.Time
	admin  *kernel.Admin
	syslog func(error) // takes the reason if the system's log cannot be written; nil: nobody asked for it
}

// origin is the user and the place of the deeds. It stands in every line.
type origin struct {
	User         string   `json:"user"`
	UID          int      `json:"uid"`                 // effective
	LoginUID     *uint32  `json:"login_uid,omitempty"` // of the session (man 8 pam_loginuid); su and sudo keep it
	SudoUser     string   `json:"sudo_user,omitempty"`
	PID          int      `json:"pid"`
	BootID       string   `json:"boot_id"`
	IPCNamespace uint64   `json:"ipc_namespace"`
	Command      []string `json:"command"`
}

// line is one line of the journal.
type line struct {
	Time       string   `json:"time"` // RFC 3339 with nanoseconds
	Event      string   `json:"event"`
	PlanID     string   `json:"plan_id,omitempty"` // the same for all lines of a plan; "" for a deed of ipcrm
	Step       int      `json:"step,omitempty"`    // number of the step in the plan, from 1
	Steps      int      `json:"steps,omitempty"`   // intent: of the plan
	Saved      int      `json:"saved,omitempty"`   // number for undo of what the plan saved
	Ref        string   `json:"ref"`
	Equivalent string   `json:"equivalent"`
	Says       string   `json:"says,omitempty"` // the result in words
	Plan       []string `json:"plan,omitempty"` // intent: the title, this step and the notes, as shown
	Object     any      `json:"object"`         // facts, as the plan read them; raw JSON for a reader
	origin
}

// intentEvent is the event of the line before the deed. The event of the line after the deed is an Outcome.
const intentEvent = "intent"

// NewJournal returns the journal of this process's user. command is os.Args, getenv is os.Getenv.
func NewJournal(host *kernel.Host, command []string, getenv func(string) string, now func() time.Time) *Journal {
	uid := sys.EffectiveUID()
	o := origin{User: strconv.Itoa(uid), UID: uid, SudoUser: getenv("SUDO_USER"), PID: os.Getpid(), Command: command}
	if u, err := user.LookupId(o.User); err == nil {
		o.User = u.Username
	}
	if id, err := host.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		o.BootID = string(bytes.TrimSpace(id))
	}
	if text, err := host.ReadFile("/proc/self/loginuid"); err == nil {
		login, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 32)
		if id := uint32(login); err == nil && id != noLogin {
			o.LoginUID = &id
		}
	}
	o.IPCNamespace, _ = host.SelfNamespace("ipc")
	return &Journal{path: func() (string, error) { return JournalPath(getenv) }, origin: o, now: now,
		admin: kernel.NewAdmin()}
}

// noLogin is the loginuid of a process outside any session (AUDIT_UID_UNSET, include/uapi/linux/audit.h).
const noLogin = 1<<32 - 1

// WithSyslog makes the journal write each result to the system's log as well. If that fails, the deeds go on, and warn
// gets the reason once for each plan. warn may be called from another goroutine.
func (j *Journal) WithSyslog(warn func(error)) *Journal {
	cut := *j
	cut.syslog = warn
	return &cut
}

// SyslogVariable is the environment variable that asks for lines in the system's log.
const SyslogVariable = "IPCTOP_SYSLOG"

// WantsSyslog is true if the environment asks for lines in the system's log: the variable is set, is not empty and is
// not "0", "no" or the like.
func WantsSyslog(getenv func(string) string) bool { return isSet(getenv(SyslogVariable)) }

// JournalPath is the newest file of the journal: $XDG_STATE_HOME/ipctop/journal.jsonl. See own.StateDir.
func JournalPath(getenv func(string) string) (string, error) {
	dir, err := own.StateDir(getenv)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, journalName), nil
}

// record is the open journal of one run.
type record struct {
	*Journal
	files  *journalFiles
	plan   *Plan
	planID string
	done   int  // results written
	saved  int  // number of what the plan saved
	silent bool // the system's log has failed
}

// open opens the journal for a plan. plan is nil for deeds without a plan.
func (j *Journal) open(p *Plan) (*record, error) {
	path, err := j.path()
	if err != nil {
		return nil, err
	}
	dir, err := own.OpenDir(filepath.Dir(path), true)
	if err != nil {
		return nil, err
	}
	r := &record{Journal: j, files: newJournalFiles(dir, j.now), plan: p}
	if p != nil {
		// The pid belongs to one process at a time, and a plan takes longer than a nanosecond.
		r.planID = fmt.Sprintf("%s-%d", j.now().UTC().Format("20060102T150405.000000000"), os.Getpid())
	}
	if err := r.files.probe(); err != nil {
		dir.Close()
		return nil, err
	}
	return r, nil
}

// close puts all lines on disk.
func (r *record) close() error { return r.files.close() }

// intents writes one line for each step, and waits until the disk has them. One wait for all steps: a disk takes some
// milliseconds for it.
func (r *record) intents() error {
	var lines [][]byte
	deeds := r.plan.deeds()
	for i, s := range deeds {
		l := r.line(s, intentEvent, i+1)
		l.Steps = len(deeds)
		l.Plan = append([]string{r.plan.Title}, s.Lines()...)
		for _, n := range r.plan.Notes {
			l.Plan = append(l.Plan, "note: "+n)
		}
		text, err := l.encode()
		if err != nil {
			return err
		}
		lines = append(lines, text)
	}
	if err := r.files.write(lines); err != nil {
		return err
	}
	return r.files.sync()
}

// result writes the line after a deed, or after its refusal. The results come in the order of the steps.
func (r *record) result(res Result) error {
	r.done++
	step := r.done
	if r.plan == nil {
		step = 0
	}
	l := r.line(res.Step, string(res.Outcome), step)
	l.Says = res.Says
	text, err := l.encode()
	if err != nil {
		return err
	}
	err = r.files.write([][]byte{text})
	r.tell(&l)
	return err
}

func (r *record) line(s *Step, event string, step int) line {
	return line{Time: r.now().Format(time.RFC3339Nano), Event: event, PlanID: r.planID, Saved: r.saved, Step: step,
		Ref: s.Ref.String(), Equivalent: s.Equivalent, Object: s.object, origin: r.origin}
}

func (l *line) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// isSet is true for the value of an environment variable that says yes. An unknown value counts as yes.
func isSet(value string) bool {
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "", "0", "false", "no", "off":
		return false
	}
	return true
}
