package kinds

import (
	"errors"
	"io/fs"
	"math"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// LimitRow is a limit of the kernel with its present use.
type LimitRow struct {
	Name, description string // as in lsipc -g
	Limit             uint64
	unit              string
	Knob              string // the sysctl, with the field if the file has several; or "tmpfs:" and a mount option
	Used              schema.Value
	Place             proc.Place     // of its IPC namespace or, of a limit of /dev/shm, of that
	Shm               *proc.ShmSpace // the other /dev/shm that has this limit; nil: another limit
}

// The units of limits.
const (
	inObjects = "objects"
	inBytes   = "bytes"
	inPages   = "pages"
)

// Limit is the Mechanism of the kernel's limits.
func Limit() *Mechanism {
	return &Mechanism{
		Kind: schema.Limit, Family: Limits, Title: "Limits of IPC objects",
		Ends: "a limit is not removed: set it with sysctl",
		Help: "the kernel's limits of System V and POSIX objects in this IPC namespace and of /dev/shm, " +
			"what is in use of them, and what sets them",
		Columns: limitColumns(),
		Default: []string{"limit", "used", "use", "unit", "sysctl", "description"},
		Collect: collectLimits,
		Label:   func(o *schema.Object) string { return o.Row.(*LimitRow).description },
	}
}

func limitColumns() []schema.Column {
	type row = LimitRow
	col := schema.Col[row]
	return []schema.Column{
		col("resource", schema.TypeString, 8, 0, "name of the limit, as lsipc -g has it",
			func(r *row) schema.Value { return schema.String(r.Name) }),
		col("limit", schema.TypeInt, 10, 0, "the limit, in its unit; blank if there is none in effect",
			func(r *row) schema.Value {
				if r.Limit > math.MaxInt64 {
					return schema.None(schema.TypeInt)
				}
				return schema.Int(int64(r.Limit))
			}),
		col("used", schema.TypeInt, 8, 0, "what is in use, in the same unit; blank where nothing adds up",
			func(r *row) schema.Value { return r.Used }),
		col("use", schema.TypeFloat, 5, 0, "percent of the limit in use", func(r *row) schema.Value {
			switch {
			case r.Used.State() == schema.Denied:
				return schema.Refused(schema.TypeFloat)
			case !r.Used.IsKnown() || r.Limit == 0:
				return schema.None(schema.TypeFloat)
			}
			return schema.Float(float64(r.Used.Int()) / float64(r.Limit) * 100)
		}).Titled("USE%"),
		col("unit", schema.TypeString, 7, 0, "objects, bytes or pages",
			func(r *row) schema.Value { return schema.String(r.unit) }),
		col("sysctl", schema.TypeString, 22, 0,
			"the sysctl that sets it (of several numbers in one: which), or tmpfs: and the mount option; "+
				"blank for what is built in", func(r *row) schema.Value {
				if r.Knob == "" {
					return schema.None(schema.TypeString)
				}
				return schema.String(r.Knob)
			}),
		col("description", schema.TypeString, 30, 0, "what it limits",
			func(r *row) schema.Value { return schema.String(r.description) }),
		col("ns", schema.TypeInt, 10, 0, "inode of the IPC namespace, or of a mount namespace that has this /dev/shm",
			func(r *row) schema.Value { return r.Place.Inode() }),
		col("ns_leader", schema.TypeString, 18, LeaderNeeds|proc.NeedMountNS, proc.NsLeaderHelp,
			func(r *row) schema.Value { return r.Place.Leader }),
	}
}

// collectLimits reads each group on its own: a kernel may be built without one of the groups. If other namespaces are
// wanted, the limits of each follow.
func collectLimits(t *proc.Tick) ([]*schema.Object, error) {
	ipc := []func(*kernel.Host) ([]LimitRow, error){msgLimits, mqLimits, semLimits, shmLimits}
	all := readLimits(t, t.OwnPlace("ipc"), ipc)
	shm := func(h *kernel.Host) ([]LimitRow, error) {
		use, err := h.DevShmUse()
		return devShmLimits(use), err
	}
	all = append(all, readLimits(t, t.ShmPlace(nil), []func(*kernel.Host) ([]LimitRow, error){shm})...)
	if t.AllNamespaces && t.Host.Live() {
		all = append(all, otherLimits(t, ipc)...)
	}
	objects := make([]*schema.Object, len(all))
	for i := range all {
		objects[i] = &schema.Object{Ref: schema.Ref{Kind: schema.Limit, Space: all[i].Place.Space, Name: all[i].Name},
			Row: &all[i]}
	}
	return objects, nil
}

// readLimits reads groups of limits at one place.
func readLimits(t *proc.Tick, at proc.Place, groups []func(*kernel.Host) ([]LimitRow, error)) []LimitRow {
	var all []LimitRow
	for _, read := range groups {
		rows, err := read(t.Host)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, sys.ErrNotLive) {
			t.Fault(string(schema.Limit), err)
		}
		for i := range rows {
			rows[i].Place = at
		}
		all = append(all, rows...)
	}
	return all
}

// otherLimits reads the limits of every other IPC namespace and /dev/shm. The calls and the files of /proc/sys tell of
// the namespace of the thread that asks.
func otherLimits(t *proc.Tick, ipc []func(*kernel.Host) ([]LimitRow, error)) []LimitRow {
	var all []LimitRow
	others := t.Others("ipc")
	denied := 0
	for _, err := range t.Host.VisitNamespaces(proc.Entries(others), func(i int) error {
		all = append(all, readLimits(t, t.Place("ipc", others[i].Ino), ipc)...)
		return nil
	}) {
		if sys.Denied(err) {
			denied++
		} else if err != nil && !sys.Gone(err) {
			t.Fault("namespaces", err)
		}
	}
	deniedSpaces(t, "IPC", denied, len(others))
	for _, s := range t.ShmSpaces() {
		rows := readLimits(t, t.ShmPlace(s), []func(*kernel.Host) ([]LimitRow, error){
			func(*kernel.Host) (rows []LimitRow, err error) {
				err = t.VisitShm(s, func(d posix.ShmDir) error {
					use, err := d.Use()
					if err == nil {
						rows = devShmLimits(use)
					}
					return err
				})
				return rows, err
			}})
		for i := range rows {
			rows[i].Shm = s
		}
		all = append(all, rows...)
	}
	return all
}

// usedCell is a cell of a count, or of the error of the count.
func usedCell(n uint64, err error) schema.Value {
	switch {
	case err == nil:
		return schema.Int(int64(min(n, math.MaxInt64)))
	case sys.Denied(err):
		return schema.Refused(schema.TypeInt)
	}
	return notCounted()
}

func notCounted() schema.Value { return schema.None(schema.TypeInt) }

func msgLimits(h *kernel.Host) ([]LimitRow, error) {
	i, err := h.MsgInfo()
	if i.MNI == 0 && err != nil { // else only the present use is unreadable
		return nil, err
	}
	return []LimitRow{
		limitRow("MSGMNI", "Number of message queues", i.MNI, inObjects, "kernel.msgmni", usedCell(i.Queues, err)),
		limitRow("MSGMAX", "Max size of message (bytes)", i.Max, inBytes, "kernel.msgmax", notCounted()),
		limitRow("MSGMNB", "Default max size of queue (bytes)", i.MNB, inBytes, "kernel.msgmnb", notCounted()),
	}, err
}

func semLimits(h *kernel.Host) ([]LimitRow, error) {
	i, err := h.SemInfo()
	if i.MNI == 0 && err != nil { // else only the present use is unreadable
		return nil, err
	}
	const semvmx = 32767 // SEMVMX (include/uapi/linux/sem.h)
	return []LimitRow{
		limitRow("SEMMNI", "Number of semaphore identifiers", i.MNI, inObjects, "kernel.sem[4]", usedCell(i.Sets, err)),
		limitRow("SEMMNS", "Total number of semaphores", i.MNS, inObjects, "kernel.sem[2]",
			usedCell(i.Semaphores, err)),
		limitRow("SEMMSL", "Max semaphores per semaphore set", i.MSL, inObjects, "kernel.sem[1]", notCounted()),
		limitRow("SEMOPM", "Max number of operations per semop(2)", i.OPM, inObjects, "kernel.sem[3]", notCounted()),
		limitRow("SEMVMX", "Semaphore max value", semvmx, inObjects, "", notCounted()),
	}, err
}

func shmLimits(h *kernel.Host) ([]LimitRow, error) {
	i, err := h.ShmInfo()
	if i.MNI == 0 && err != nil { // else only the present use is unreadable
		return nil, err
	}
	return []LimitRow{
		limitRow("SHMMNI", "Shared memory segments", i.MNI, inObjects, "kernel.shmmni", usedCell(i.Segments, err)),
		limitRow("SHMALL", "Shared memory pages", i.All, inPages, "kernel.shmall", usedCell(i.Pages, err)),
		limitRow("SHMMAX", "Max size of shared memory segment (bytes)", i.Max, inBytes, "kernel.shmmax", notCounted()),
		limitRow("SHMMIN", "Min size of shared memory segment (bytes)", i.Min, inBytes, "", notCounted()),
	}, err
}

func mqLimits(h *kernel.Host) ([]LimitRow, error) {
	l, err := h.MqLimits()
	if err != nil {
		return nil, err
	}
	queues, err := h.AllPosixQueues(false, false)
	return []LimitRow{
		limitRow("MQUMNI", "Number of POSIX message queues", l.QueuesMax, inObjects, "fs.mqueue.queues_max",
			usedCell(uint64(len(queues)), err)),
		limitRow("MQUMAX", "Max size of POSIX message (bytes)", l.MsgSizeMax, inBytes, "fs.mqueue.msgsize_max",
			notCounted()),
		limitRow("MQUMNB", "Number of messages in POSIX message queue", l.MsgMax, inObjects, "fs.mqueue.msg_max",
			notCounted()),
		limitRow("MQUDFM", "Default number of messages in POSIX message queue", l.MsgDefault, inObjects,
			"fs.mqueue.msg_default",
			notCounted()),
		limitRow("MQUDFS", "Default size of POSIX message (bytes)", l.MsgSizeDefault, inBytes,
			"fs.mqueue.msgsize_default",
			notCounted()),
	}, err
}

// devShmLimits are the limits of a tmpfs on /dev/shm. A limit of 0 means no limit (man 5 tmpfs). An unknown use gives
// no rows.
func devShmLimits(use posix.DevShmUse) []LimitRow {
	if use == (posix.DevShmUse{}) {
		return nil
	}
	none := func(n uint64) uint64 {
		if n == 0 {
			return math.MaxUint64
		}
		return n
	}
	return []LimitRow{
		limitRow("SHMFS", "Size of /dev/shm (bytes)", none(use.Size), inBytes, "tmpfs:size", usedCell(use.Used, nil)),
		limitRow("SHMFSI", "Number of files in /dev/shm", none(use.Inodes), inObjects, "tmpfs:nr_inodes",
			usedCell(use.InodeUsed, nil)),
	}
}

func limitRow(name, description string, limit uint64, unit, knob string, used schema.Value) LimitRow {
	return LimitRow{Name: name, description: description, Limit: limit, unit: unit, Knob: knob, Used: used}
}
