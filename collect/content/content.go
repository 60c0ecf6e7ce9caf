package content

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/namespace"
	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// NeedPeek is the need of copies of messages, or of memory read through a process that maps it.
const NeedPeek schema.Need = 1 << 22

// Content is a part of the content of an object. The read took nothing out of the object and attached nothing.
type Content struct {
	Ref   schema.Ref
	First uint64 // first message or byte in this Content
	Total uint64 // messages in the queue at the time of the list, or bytes of the memory

	Messages []sysv.PeekedMessage // of a queue
	Memory   []byte               // of shared memory

	Via  string        // how the content was read, in words
	Took time.Duration // time in the kernel
}

// PeekRange is the part of an object to read.
type PeekRange struct {
	First uint64 // first message or byte
	Count int    // most messages or bytes
	Each  int    // most bytes of one message
}

// PeekNeeds are the needs of a snapshot for Peek. ok is false for kinds whose content cannot be read: see WhyNoPeek.
func PeekNeeds(kind schema.Kind) (needs schema.Need, ok bool) {
	switch kind {
	case schema.Msg:
		return 0, true
	case schema.Shm, schema.PShm, schema.Memfd, schema.Mmap:
		return proc.FileUserNeeds, true
	}
	return 0, false
}

// WhyNoPeek gives the reason why the content of a kind cannot be read.
func WhyNoPeek(kind schema.Kind) string {
	switch kind {
	case schema.PMsg:
		return "the kernel has no way to read a POSIX queue without taking messages out"
	case schema.Pipe, schema.Fifo, schema.Unix, schema.Inet:
		return "reading it would take the data away from its reader"
	case schema.Sem, schema.PSem:
		return "a semaphore holds its value only: see ipctop --once " + string(kind) + " --columns all"
	}
	return "objects of kind " + string(kind) + " hold nothing to look into"
}

// ErrNoHolder means that no process maps the memory. Only an attach could show it.
var ErrNoHolder = errors.New("nobody has it mapped: it could be seen only by attaching it, which would change its " +
	"attach time, last pid and nattch, so ipctop does not")

// ErrHoldersUnseen means that processes map the memory, but none of them may be read.
var ErrHoldersUnseen = errors.New("none of the processes that have it mapped can be looked into: that takes root, in " +
	"their pid namespace")

// Peek reads a part of the content of an object. o is from a snapshot with PeekNeeds, or nil if the object is gone.
// way finds the path into an IPC namespace of the snapshot. Errors: ErrNoHolder, ErrHoldersUnseen, sys.ErrNoPeek,
// sys.ErrNotLive. Other errors are fs.ErrPermission or fs.ErrNotExist for errors.Is.
func Peek(h *kernel.Host, o *schema.Object, way func(typ string, ino uint64) (namespace.Namespace, bool),
	part PeekRange) (*Content, error) {
	if o == nil {
		return nil, kinds.NoSuchObject{}
	}
	c := &Content{Ref: o.Ref, First: part.First}
	begin := time.Now()
	var err error
	switch row := o.Row.(type) {
	case *kinds.MsgRow:
		c.Total, c.Via = row.QNum, "MSG_COPY, which takes nothing out; each look locks the queue"
		err = inside(h, way, o.Ref, func() (err error) {
			c.Messages, err = h.PeekMessages(row.ID, int(part.First), part.Count, part.Each)
			return err
		})
	case *kinds.ShmRow:
		c.Total = row.Size
		err = c.segment(h, row, part)
	case *kinds.PShmRow:
		c.Total = row.Size
		err = c.named(h, row, part)
	case *kinds.MemfdRow:
		c.Total = row.Size
		err = c.mapped(h, mappings(row.Users), part)
	case *kinds.MmapRow:
		err = c.mapped(h, mappings(row.Users), part)
	default:
		return nil, errors.New(WhyNoPeek(o.Ref.Kind))
	}
	c.Took = time.Since(begin)
	return c, err
}

// inside runs do in the IPC namespace of a Ref.
func inside(h *kernel.Host, way func(string, uint64) (namespace.Namespace, bool), ref schema.Ref,
	do func() error) error {
	if ref.Space == 0 {
		return do()
	}
	ns, ok := way("ipc", ref.Space)
	if !ok {
		return fmt.Errorf("nothing that can be seen from here leads to its IPC namespace %d", ref.Space)
	}
	return h.VisitNamespace(ns, do)
}

// mappingOf is one mapping of a process.
type mappingOf struct {
	*proc.Process
	at process.Mapping
}

func mappings(u *proc.FileUsers) []mappingOf {
	var list []mappingOf
	for _, m := range u.Maps {
		list = append(list, mappingOf{m.Process, m.At})
	}
	return list
}

func (c *Content) segment(h *kernel.Host, row *kinds.ShmRow, part PeekRange) error {
	var list []mappingOf
	for _, holder := range row.Maps {
		for _, m := range holder.Shared {
			if m.Ino == uint64(row.ID) && strings.HasPrefix(m.Name, proc.SegmentName) {
				list = append(list, mappingOf{holder.Process, m})
				break
			}
		}
	}
	if len(list) == 0 && row.NAttch > 0 {
		return ErrHoldersUnseen
	}
	return c.mapped(h, list, part)
}

// named reads POSIX shared memory by its name. Without a name it needs a process that maps the memory.
func (c *Content) named(h *kernel.Host, row *kinds.PShmRow, part PeekRange) error {
	if c.Ref.Name == "" {
		return c.mapped(h, mappings(row.Users), part)
	}
	if !row.Mode.IsRegular() {
		return fmt.Errorf("it is a %s, not shared memory", kinds.FileType(row.Mode))
	}
	buf := make([]byte, part.Count)
	n := 0
	read := func() (err error) {
		n, err = h.ReadPosixShm(c.Ref.Name, row.Dev, row.Ino, part.First, buf)
		return err
	}
	if row.Shm != nil {
		read = func() error {
			return h.VisitShm(row.Shm.Way, func(d posix.ShmDir) (err error) {
				n, err = d.ReadShm(c.Ref.Name, row.Dev, row.Ino, part.First, buf)
				return err
			})
		}
	}
	err := read()
	c.Memory, c.Via = buf[:n], "its file, mapping nothing"
	return err
}

// mapped reads through the first readable mapping. If no mapping is readable, the error is the last one.
func (c *Content) mapped(h *kernel.Host, list []mappingOf, part PeekRange) error {
	err := ErrNoHolder
	for _, m := range list {
		dir, openErr := h.OpenProc(m.PID)
		if openErr != nil {
			err = openErr
			continue
		}
		buf := make([]byte, part.Count)
		n, readErr := dir.ReadMapped(m.at, part.First, buf)
		dir.Close()
		if err = readErr; err == nil {
			c.Memory, c.Via = buf[:n], fmt.Sprintf("the mapping of %s (pid %d), attaching nothing", m.Comm, m.PID)
			return nil
		}
	}
	return err
}

// Limits of the content on an object's page.
const (
	pageMessages     = 10
	pageMessageBytes = hexWidth
	pageBytes        = 8 * hexWidth
)

// peekNote holds the first part of an object's content, in lines of text.
var peekNote = schema.NewNote[schema.Value]()

// Aspect shows the first part of the content of queues and segments.
func Aspect() kinds.Aspect {
	return kinds.Aspect{
		Name: "content",
		Of:   map[schema.Kind]schema.Need{schema.Msg: NeedPeek, schema.Shm: proc.NeedProcs | proc.NeedMaps | NeedPeek},
		Columns: func(kind schema.Kind, needs schema.Need) []schema.Column {
			help := map[schema.Kind]string{
				schema.Msg: fmt.Sprintf("the first %d messages, %d bytes of each, copied and not taken (each copy "+
					"locks the queue for some microseconds); ipctop peek shows more", pageMessages, pageMessageBytes),
				schema.Shm: fmt.Sprintf("the first %d bytes, read through a process that has it attached, "+
					"or why they cannot be; ipctop peek shows more", pageBytes),
			}[kind]
			return []schema.Column{{ID: "peek", Type: schema.TypeList, Width: 40, Needs: needs, Help: help,
				Get: func(o *schema.Object) schema.Value {
					if v := peekNote.Of(o); v != nil {
						return *v
					}
					return schema.Uncollected(schema.TypeList)
				}}}
		},
		OnDemand: []string{"peek"},
		Costs:    []schema.Cost{{Need: NeedPeek, Name: "content"}},
		Fill: func(t *proc.Tick, _ schema.Kind, _ schema.Need, objects []*schema.Object) {
			for _, o := range objects {
				if !t.Gathered(o.Ref, NeedPeek) {
					continue
				}
				var v schema.Value
				switch r := o.Row.(type) {
				case *kinds.MsgRow:
					v = peekQueue(t, o.Ref, r.ID)
				case *kinds.ShmRow:
					v = peekSegment(t, r)
				}
				peekNote.Set(o, &v)
			}
		},
	}
}

// peekQueue copies the first messages of a queue.
func peekQueue(t *proc.Tick, ref schema.Ref, id int) schema.Value {
	var messages []sysv.PeekedMessage
	err := kinds.InIPCSpace(t, ref, func() (err error) {
		messages, err = t.Host.PeekMessages(id, 0, pageMessages, pageMessageBytes)
		return err
	})
	if err != nil {
		return kinds.Unreadable(schema.TypeList, err)
	}
	lines := make([]string, 0, len(messages))
	for _, m := range messages {
		switch {
		case m.TooLong:
			lines = append(lines,
				fmt.Sprintf("%d: longer than kernel.msgmax, which was lowered since it was sent", m.Index))
		case m.Size == 0:
			lines = append(lines, fmt.Sprintf("%d: type %d, empty", m.Index, m.Type))
		default:
			lines = append(lines, fmt.Sprintf("%d: type %d, %d bytes: % x |%s|", m.Index, m.Type, m.Size, m.Data,
				PlainText(m.Data)))
		}
	}
	return schema.List(lines)
}

// peekSegment reads the first bytes of a segment, or the reason why they are unreadable.
func peekSegment(t *proc.Tick, row *kinds.ShmRow) schema.Value {
	if !t.Host.Live() {
		return schema.None(schema.TypeList)
	}
	var c Content
	err := c.segment(t.Host, row, PeekRange{Count: pageBytes})
	switch {
	case errors.Is(err, ErrNoHolder), errors.Is(err, ErrHoldersUnseen):
		return schema.List([]string{err.Error()})
	case err != nil:
		return kinds.Unreadable(schema.TypeList, err)
	}
	return schema.List(HexDump(c.Memory, 0))
}
