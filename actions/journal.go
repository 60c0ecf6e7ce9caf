package actions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Journal is the file of all deeds. It holds JSON lines: for each step one line before the deed and one after it. The
// file is made right before the first deed. Each line is one write(2) with O_APPEND, so lines of several ipctops do not
// mix. The journal does not call fsync(2): it survives a crash of ipctop, but perhaps not a crash of the machine.
type Journal struct {
	path   func() (string, error)
	origin origin
	now    func() time.Time
}

// origin is the user and the place of the deeds. It stands in every line.
type origin struct {
	User         string   `json:"user"`
	UID          int      `json:"uid"` // effective
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
	Ref        string   `json:"ref"`
	Equivalent string   `json:"equivalent"`
	Says       string   `json:"says,omitempty"` // the result in words
	Plan       []string `json:"plan,omitempty"` // intent: the title, this step and the notes, as shown
	Object     facts    `json:"object"`         // as the plan read it
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
	o.IPCNamespace, _ = host.SelfNamespace("ipc")
	return &Journal{path: func() (string, error) { return JournalPath(getenv) }, origin: o, now: now}
}

// JournalPath is $XDG_STATE_HOME/ipctop/journal.jsonl; the default of XDG_STATE_HOME is ~/.local/state. After su, HOME
// may belong to another user. Then the home directory of the password file is used: root's lines have no place in a
// user's home.
func JournalPath(getenv func(string) string) (string, error) {
	state := getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) { // the XDG specification ignores a relative path
		home, err := OwnHome(getenv("HOME"))
		if err != nil {
			return "", fmt.Errorf("%w: set XDG_STATE_HOME to a directory of yours", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "ipctop", "journal.jsonl"), nil
}

// OwnHome returns home if this user owns it, or else the user's home directory in the password file. The error means
// that the user has neither.
func OwnHome(home string) (string, error) {
	uid := sys.EffectiveUID()
	if OwnsHome(home) {
		return home, nil
	}
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil || !filepath.IsAbs(u.HomeDir) {
		return "", fmt.Errorf("uid %d has no home directory", uid)
	}
	return u.HomeDir, nil
}

// OwnsHome is true if this user owns the directory.
func OwnsHome(home string) bool {
	info, err := os.Stat(home)
	return err == nil && filepath.IsAbs(home) && ownedBy(info, sys.EffectiveUID())
}

func ownedBy(info os.FileInfo, uid int) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == uid
}

// record is the open journal of one run.
type record struct {
	*Journal
	file *os.File
	plan *Plan
}

// errForeign means: the journal's path holds a file that another user controls.
var errForeign = errors.New("it is not a regular file of this user: move it away, or set XDG_STATE_HOME to another " +
	"directory")

func (j *Journal) open(p *Plan) (*record, error) {
	path, err := j.path()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	// Another user may have put a link or a FIFO there: do not follow the link, and do not wait for the FIFO.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || !ownedBy(info, sys.EffectiveUID())) {
		err = fmt.Errorf("%s: %w", path, errForeign)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &record{Journal: j, file: f, plan: p}, nil
}

func (r *record) close() { r.file.Close() }

func (r *record) intent(s *Step) error {
	l := r.line(s, intentEvent)
	l.Plan = append([]string{r.plan.Title}, s.Lines()...)
	for _, n := range r.plan.Notes {
		l.Plan = append(l.Plan, "note: "+n)
	}
	return r.write(l)
}

func (r *record) result(res Result) error {
	l := r.line(res.Step, string(res.Outcome))
	l.Says = res.Says
	return r.write(l)
}

func (r *record) line(s *Step, event string) line {
	return line{Time: r.now().Format(time.RFC3339Nano), Event: event, Ref: s.Ref.String(), Equivalent: s.Equivalent,
		Object: s.object, origin: r.origin}
}

// write appends one line. os.File.Write returns an error for a short write (a full disk).
func (r *record) write(l line) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l); err != nil {
		return err
	}
	_, err := r.file.Write(b.Bytes())
	return err
}
