package kinds

import (
	"errors"
	"io/fs"
	"math"

	"github.com/ipctop/ipctop/collect/kernel"
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
		Help: "the kernel's limits of System V and POSIX objects in this IPC namespace and of /dev/shm, what is in use " +
			"of them, and what sets them",
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
			"the sysctl that sets it (of several numbers in one: which), or tmpfs: and the mount option; blank for what is "+
				"built in", func(r *row) schema.Value {
				if r.Knob == "" {
					return schema.None(schema.TypeString)
				}
				return schema.String(r.Knob)
			}),
		col("description", schema.TypeString, 30, 0, "what it limits",
			func(r *row) schema.Value { return schema.String(r.description) }),
	}
}

// collectLimits reads each group on its own: a kernel may be built without one of the groups.
func collectLimits(t *proc.Tick) ([]*schema.Object, error) {
	var all []LimitRow
	for _, read := range []func(*kernel.Host) ([]LimitRow, error){msgLimits, mqLimits, semLimits, shmLimits,
		devShmLimits} {
		rows, err := read(t.Host)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, sys.ErrNotLive) {
			t.Fault(string(schema.Limit), err)
		}
		all = append(all, rows...)
	}
	objects := make([]*schema.Object, len(all))
	for i := range all {
		objects[i] = &schema.Object{Ref: schema.Ref{Kind: schema.Limit, Name: all[i].Name}, Row: &all[i]}
	}
	return objects, nil
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
		{"MSGMNI", "Number of message queues", i.MNI, inObjects, "kernel.msgmni", usedCell(i.Queues, err)},
		{"MSGMAX", "Max size of message (bytes)", i.Max, inBytes, "kernel.msgmax", notCounted()},
		{"MSGMNB", "Default max size of queue (bytes)", i.MNB, inBytes, "kernel.msgmnb", notCounted()},
	}, err
}

func semLimits(h *kernel.Host) ([]LimitRow, error) {
	i, err := h.SemInfo()
	if i.MNI == 0 && err != nil { // else only the present use is unreadable
		return nil, err
	}
	const semvmx = 32767 // SEMVMX (include/uapi/linux/sem.h)
	return []LimitRow{
		{"SEMMNI", "Number of semaphore identifiers", i.MNI, inObjects, "kernel.sem[4]", usedCell(i.Sets, err)},
		{"SEMMNS", "Total number of semaphores", i.MNS, inObjects, "kernel.sem[2]", usedCell(i.Semaphores, err)},
		{"SEMMSL", "Max semaphores per semaphore set", i.MSL, inObjects, "kernel.sem[1]", notCounted()},
		{"SEMOPM", "Max number of operations per semop(2)", i.OPM, inObjects, "kernel.sem[3]", notCounted()},
		{"SEMVMX", "Semaphore max value", semvmx, inObjects, "", notCounted()},
	}, err
}

func shmLimits(h *kernel.Host) ([]LimitRow, error) {
	i, err := h.ShmInfo()
	if i.MNI == 0 && err != nil { // else only the present use is unreadable
		return nil, err
	}
	return []LimitRow{
		{"SHMMNI", "Shared memory segments", i.MNI, inObjects, "kernel.shmmni", usedCell(i.Segments, err)},
		{"SHMALL", "Shared memory pages", i.All, inPages, "kernel.shmall", usedCell(i.Pages, err)},
		{"SHMMAX", "Max size of shared memory segment (bytes)", i.Max, inBytes, "kernel.shmmax", notCounted()},
		{"SHMMIN", "Min size of shared memory segment (bytes)", i.Min, inBytes, "", notCounted()},
	}, err
}

func mqLimits(h *kernel.Host) ([]LimitRow, error) {
	l, err := h.MqLimits()
	if err != nil {
		return nil, err
	}
	queues, err := h.AllPosixQueues(false, false)
	return []LimitRow{
		{"MQUMNI", "Number of POSIX message queues", l.QueuesMax, inObjects, "fs.mqueue.queues_max",
			usedCell(uint64(len(queues)), err)},
		{"MQUMAX", "Max size of POSIX message (bytes)", l.MsgSizeMax, inBytes, "fs.mqueue.msgsize_max", notCounted()},
		{"MQUMNB", "Number of messages in POSIX message queue", l.MsgMax, inObjects, "fs.mqueue.msg_max", notCounted()},
		{"MQUDFM", "Default number of messages in POSIX message queue", l.MsgDefault, inObjects, "fs.mqueue.msg_default",
			notCounted()},
		{"MQUDFS", "Default size of POSIX message (bytes)", l.MsgSizeDefault, inBytes, "fs.mqueue.msgsize_default",
			notCounted()},
	}, err
}

// devShmLimits are the limits of the tmpfs on /dev/shm. A limit of 0 means no limit (man 5 tmpfs).
func devShmLimits(h *kernel.Host) ([]LimitRow, error) {
	use, err := h.DevShmUse()
	if err != nil {
		return nil, err
	}
	none := func(n uint64) uint64 {
		if n == 0 {
			return math.MaxUint64
		}
		return n
	}
	return []LimitRow{
		{"SHMFS", "Size of /dev/shm (bytes)", none(use.Size), inBytes, "tmpfs:size", usedCell(use.Used, nil)},
		{"SHMFSI", "Number of files in /dev/shm", none(use.Inodes), inObjects, "tmpfs:nr_inodes",
			usedCell(use.InodeUsed, nil)},
	}, nil
}
