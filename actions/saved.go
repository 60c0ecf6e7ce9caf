package actions

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/own"
	"github.com/ipctop/ipctop/collect/schema"
)

// What plan N takes away is saved in saved/N beside the journal: plan.json, and for each step S the object in S.json
// and what it held in S.data. A text in S.undone means that the object was made again. Files have mode 0600.

// Saving says what plans keep for undo.
type Saving struct {
	Off   bool          // nothing is kept
	Limit uint64        // most bytes of what one object holds; 0: DefaultSaveLimit
	Keep  time.Duration // age at which it goes; 0: DefaultKeep
}

// The defaults of Saving.
const (
	DefaultSaveLimit = 256 << 20
	DefaultKeep      = 7 * 24 * time.Hour
)

func (s Saving) limit() uint64 {
	if s.Limit == 0 {
		return DefaultSaveLimit
	}
	return s.Limit
}

func (s Saving) keep() time.Duration {
	if s.Keep == 0 {
		return DefaultKeep
	}
	return s.Keep
}

// ageWords is a time in words: "7 days", "90 minutes".
func ageWords(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		word string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= unit.size && d%unit.size == 0 {
			return schema.Counted(int(d/unit.size), unit.word)
		}
	}
	return d.String()
}

// wayBack lets a deed be undone. save runs after the answer, right before do. It writes what the deed takes away. An
// error refuses the deed. After an error, same tells if the object has changed since the plan: then there was nothing
// to save. It may be nil.
type wayBack struct {
	save func(*kept) error
	same func() error
}

// savedPlan is plan.json.
type savedPlan struct {
	Number       int       `json:"number"`
	Time         time.Time `json:"time"`
	PlanID       string    `json:"plan_id"`
	Title        string    `json:"title"`
	BootID       string    `json:"boot_id"`
	IPCNamespace uint64    `json:"ipc_namespace"`
	User         string    `json:"user"`
	SudoUser     string    `json:"sudo_user,omitempty"`
	Command      []string  `json:"command"`
}

// savedObject is the file of a step. The fields of other kinds are 0.
type savedObject struct {
	Step int         `json:"step"`
	Kind schema.Kind `json:"kind"`
	Ref  string      `json:"ref"`
	Says string      `json:"says"` // the step, as the plan said it

	ID    int    `json:"id,omitempty"`
	Key   uint32 `json:"key,omitempty"`
	Name  []byte `json:"name,omitempty"` // of a POSIX object, any bytes
	UID   uint32 `json:"uid"`
	GID   uint32 `json:"gid"`
	CUID  uint32 `json:"cuid"`
	CGID  uint32 `json:"cgid"`
	Perms uint32 `json:"perms"`

	Size    uint64   `json:"size,omitempty"`
	Locked  bool     `json:"locked,omitempty"`
	Huge    bool     `json:"huge,omitempty"`
	QBytes  uint64   `json:"qbytes,omitempty"`
	MaxMsg  int64    `json:"maxmsg,omitempty"`
	MsgSize int64    `json:"msgsize,omitempty"`
	NSems   uint64   `json:"nsems,omitempty"`
	Values  []uint16 `json:"values,omitempty"`
	Value   uint32   `json:"value,omitempty"` // of a POSIX semaphore
	Dev     uint64   `json:"dev,omitempty"`   // of the file system of a POSIX object, until the machine starts again

	// Of an object whose settings a plan changed: the values before and after. Inode is the identity of a POSIX object.
	Before *Settings `json:"before,omitempty"`
	After  *Settings `json:"after,omitempty"`
	Inode  uint64    `json:"inode,omitempty"`

	Data     bool   `json:"data"`     // there is a data file
	Messages int    `json:"messages"` // in the data file
	Bytes    uint64 `json:"bytes"`    // in the data file, without zeros
	Unsaved  string `json:"unsaved,omitempty"`

	Record any `json:"record"` // the facts of the object before, with times and pids, for the record
}

// saves is the open directory of all saved plans.
type saves struct{ dir *own.Dir }

const (
	savedDir   = "saved"
	savedLock  = "saved.lock"
	savedLast  = "last" // the highest number so far
	savedPlans = "plan.json"
)

// openSaves opens the directory. With create, it is made.
func (j *Journal) openSaves(create bool) (*saves, error) {
	path, err := j.path()
	if err != nil {
		return nil, err
	}
	state, err := own.OpenDir(filepath.Dir(path), create)
	if err != nil {
		return nil, err
	}
	defer state.Close()
	dir, err := state.Sub(savedDir, create)
	if err != nil {
		return nil, err
	}
	return &saves{dir}, nil
}

func (s *saves) close() { s.dir.Close() }

// numbers lists the saved plans, the oldest first.
func (s *saves) numbers() ([]int, error) {
	names, err := s.dir.Names()
	var all []int
	for _, name := range names {
		if n, err := strconv.Atoi(name); err == nil && n > 0 && strconv.Itoa(n) == name {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all, err
}

// plan reads one saved plan.
func (s *saves) plan(number int) (dir *own.Dir, plan savedPlan, err error) {
	if dir, err = s.dir.Sub(strconv.Itoa(number), false); err != nil {
		return nil, plan, err
	}
	if err = readJSON(dir, savedPlans, &plan); err != nil {
		dir.Close()
		return nil, plan, err
	}
	return dir, plan, nil
}

// mostSaved is the largest size of a JSON file there, in bytes. A set has at most 64 Ki values.
const mostSaved = 4 << 20

func readJSON(dir *own.Dir, name string, into any) error {
	f, err := dir.Open(name, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostSaved))
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	return nil
}

// writeJSON writes a new file, and waits until the disk has it.
func writeJSON(dir *own.Dir, name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	f, err := dir.Open(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = dir.Sync()
	}
	return err
}

// purge removes the plans that are older than keep.
func (s *saves) purge(keep time.Duration, now time.Time) error {
	all, err := s.numbers()
	if err != nil {
		return err
	}
	var errs []error
	for _, n := range all {
		dir, plan, err := s.plan(n)
		if err == nil {
			dir.Close()
		}
		// A plan without plan.json is half made: another ipctop makes it now, or ended.
		if err == nil && now.Sub(plan.Time) > keep {
			errs = append(errs, s.dir.RemoveSub(strconv.Itoa(n)))
		}
	}
	return errors.Join(errs...)
}

// create makes the directory of a new plan. The numbers rise, also after old plans went.
func (s *saves) create(plan savedPlan) (*own.Dir, savedPlan, error) {
	lock, err := s.dir.Lock(savedLock, false)
	if err != nil {
		return nil, plan, err
	}
	defer lock.Close()
	all, err := s.numbers()
	if err != nil {
		return nil, plan, err
	}
	last := 0
	if err := readJSON(s.dir, savedLast, &last); err != nil && !errors.Is(err, fs.ErrNotExist) {
		last = 0 // the disk was full when it was written; the directories tell
	}
	if len(all) > 0 {
		last = max(last, all[len(all)-1])
	}
	plan.Number = last + 1
	if err := writeJSON(s.dir, savedLast, plan.Number); err != nil {
		return nil, plan, err
	}
	dir, err := s.dir.Sub(strconv.Itoa(plan.Number), true)
	if err != nil {
		return nil, plan, err
	}
	if err := writeJSON(dir, savedPlans, plan); err != nil {
		dir.Close()
		return nil, plan, errors.Join(err, s.dir.RemoveSub(strconv.Itoa(plan.Number)))
	}
	return dir, plan, nil
}

// keeper saves the steps of one run.
type keeper struct {
	saves *saves
	dir   *own.Dir
	plan  savedPlan
	limit uint64
	steps int // that are saved
}

// newKeeper makes room for what a plan takes away; nil if nothing is to be kept.
func (r *record) newKeeper(saving Saving) (*keeper, error) {
	if saving.Off || !slices.ContainsFunc(r.plan.Steps, func(s Step) bool { return s.back != nil }) {
		return nil, nil
	}
	saves, err := r.openSaves(true)
	if err != nil {
		return nil, err
	}
	if err := saves.purge(saving.keep(), r.now()); err != nil {
		saves.close()
		return nil, err
	}
	k := &keeper{saves: saves, limit: saving.limit()}
	by := r.origin
	k.dir, k.plan, err = saves.create(savedPlan{Time: r.now(), PlanID: r.planID, Title: r.plan.Title, BootID: by.BootID,
		IPCNamespace: by.IPCNamespace, User: by.User, SudoUser: by.SudoUser, Command: by.Command})
	if err != nil {
		saves.close()
		return nil, err
	}
	r.saved = k.plan.Number
	return k, nil
}

// close removes the directory of a plan whose steps were all refused.
func (k *keeper) close() error {
	if k == nil {
		return nil
	}
	defer k.saves.close()
	err := k.dir.Close()
	if k.steps == 0 {
		err = errors.Join(err, k.saves.dir.RemoveSub(strconv.Itoa(k.plan.Number)))
	}
	return err
}

// kept is one step that is being saved.
type kept struct {
	savedObject
	keeper *keeper
	data   *recordWriter
	ended  func() error // saves what only the deed shows; nil: nothing
}

// run saves what the step takes away, and does the step.
func (k *keeper) run(number int, s *Step, look *again) Result {
	if k == nil || s.back == nil {
		return s.run(look)
	}
	o := &kept{keeper: k, savedObject: savedObject{Step: number, Kind: s.Ref.Kind, Ref: s.Ref.String(), Says: s.Says,
		Record: s.object}}
	if err := o.save(s); err != nil {
		if s.back.same != nil {
			err = cmp.Or(s.back.same(), err)
		}
		result := s.outcome("", err)
		if result.Outcome == Failed {
			result = Result{s, Refused, fmt.Sprintf("not done, since it could not be saved for undo: %v: "+
				"--no-save does it without", err)}
		}
		return o.discard(result)
	}
	result := s.run(look)
	if result.Outcome == Refused {
		return o.discard(result)
	}
	k.steps++
	if err := o.end(); err != nil {
		what := "what it held is not saved"
		if o.ended != nil {
			what = "its ctime is not saved, so that ipctop undo will refuse it"
		}
		result.Says += fmt.Sprintf("; %s: %v", what, err)
	}
	return result
}

// unfinished is what an object lacks if ipctop ended between the deed and the end of its copy.
const unfinished = "what it held: the copy was not finished"

// save writes the object's file. A data file that is open then gets its content by the deed. Until end, the file says
// that the copy is not finished: SIGKILL or a power cut may come between.
func (o *kept) save(s *Step) error {
	if err := s.back.save(o); err != nil {
		return err
	}
	sure := o.savedObject
	if o.data != nil {
		sure.Data, sure.Unsaved = false, unfinished
	}
	return writeJSON(o.keeper.dir, o.file("json"), &sure)
}

func (o *kept) file(kind string) string { return strconv.Itoa(o.Step) + "." + kind }

// open begins the data file.
func (o *kept) open() error {
	f, err := o.keeper.dir.Open(o.file("data"), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	o.Data = true
	o.data, err = newRecordWriter(f, o.keeper.limit)
	return err
}

// reserve takes room on the disk for what a deed will write: then a full disk refuses the deed.
func (o *kept) reserve(size uint64) error {
	if size == 0 {
		return nil
	}
	const keepSize = 1 // FALLOC_FL_KEEP_SIZE, man 2 fallocate
	err := syscall.Fallocate(int(o.data.file.Fd()), keepSize, 0, int64(size))
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return nil
	}
	return err
}

// closeData ends the data file.
func (o *kept) closeData() error {
	o.Bytes = o.data.bytes
	err := o.data.close()
	o.data = nil
	return err
}

// end writes the file again if the deed wrote the data.
func (o *kept) end() error {
	if o.ended != nil {
		return o.ended()
	}
	if o.data == nil {
		return nil
	}
	err := o.closeData()
	if err == nil && o.Unsaved != "" {
		err = errors.New(o.Unsaved)
	}
	if err != nil {
		o.Data, o.Unsaved = false, err.Error()
	}
	return errors.Join(err, writeJSON(o.keeper.dir, o.file("json"), &o.savedObject))
}

// discard removes the files of a step that was not done.
func (o *kept) discard(r Result) Result {
	if o.data != nil {
		_ = o.data.file.Close() // it is removed
	}
	for _, kind := range []string{"data", "json"} {
		if err := o.keeper.dir.Remove(o.file(kind)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.Says += fmt.Sprintf("; what was saved stays: %v", err)
		}
	}
	return r
}

// stepOf reads the number of a step's file; 0: it is another file.
func stepOf(name string) int {
	number, ok := strings.CutSuffix(name, ".json")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n <= 0 {
		return 0
	}
	return n
}
