package actions

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// owned takes the facts that all System V kinds have.
func (o *savedObject) owned(p sysv.IPCPerm) {
	o.ID, o.Key, o.UID, o.GID, o.CUID, o.CGID = p.ID, p.Key, p.UID, p.GID, p.CUID, p.CGID
	o.Perms = p.Mode & 0o777
}

// lacks adds what cannot be saved, and why.
func (st *Step) lacks(what string, why error) {
	st.Unsaved = append(st.Unsaved, what+": "+unsavedReason(why))
}

// unsavedReason is short: the plan has a line for it.
func unsavedReason(err error) string {
	if sys.Denied(err) {
		return "permission denied"
	}
	return err.Error()
}

// mostCopied is the largest number of messages that are copied. Each copy locks the queue and walks to its message: the
// time grows with the square of the number, to 20 seconds at this one.
const mostCopied = 50000

// saveMsg saves a queue with copies of its messages.
func (s *survey) saveMsg(st *Step, q sysv.MsgQueue) {
	copies := q.QNum > 0
	if copies {
		if err := s.copyable(q); err != nil {
			copies = false
			st.lacks(fmt.Sprintf("its %s", schema.Counted(q.QNum, "message")), err)
		}
	}
	st.back = &wayBack{save: func(o *kept) error {
		now, err := s.host.MsgStat(q.ID)
		if err != nil {
			return err
		}
		o.owned(now.IPCPerm)
		o.QBytes = now.QBytes
		o.Unsaved = strings.Join(st.Unsaved, "; ")
		if !copies {
			return nil
		}
		if err := o.open(); err != nil {
			return err
		}
		if now.QNum > mostCopied {
			return fmt.Errorf("it holds more than %d messages", mostCopied)
		}
		// Some more: others may send meanwhile.
		messages, err := s.host.PeekMessages(q.ID, 0, int(now.QNum)+1000, int(^uint(0)>>1))
		if err != nil {
			return err
		}
		for _, m := range messages {
			if m.TooLong {
				return fmt.Errorf("message %d is longer than kernel.msgmax", m.Index)
			}
			if err := o.data.put(uint64(m.Type), m.Data); err != nil {
				return err
			}
		}
		o.Messages = len(messages)
		return o.closeData()
	}}
}

func (s *survey) copyable(q sysv.MsgQueue) error {
	switch {
	case q.CBytes > s.saving.limit():
		return errTooLarge
	case q.QNum > mostCopied:
		return fmt.Errorf("more than %d", mostCopied)
	}
	first, err := s.host.PeekMessages(q.ID, 0, 1, 0)
	if err == nil && len(first) == 1 && first[0].TooLong {
		err = errors.New("the first is longer than kernel.msgmax")
	}
	return err
}

// saveSem saves the values of a set. readable is nil if the plan could read them.
func (s *survey) saveSem(st *Step, set sysv.SemSet, readable error) {
	if readable != nil {
		st.lacks("its values", readable)
	}
	st.back = &wayBack{save: func(o *kept) error {
		now, err := s.host.SemStat(set.ID)
		if err != nil {
			return err
		}
		o.owned(now.IPCPerm)
		o.NSems = now.NSems
		o.Unsaved = strings.Join(st.Unsaved, "; ")
		if readable != nil {
			return nil
		}
		values, err := s.host.SemValues(set.ID, int(now.NSems))
		for _, v := range values {
			o.Values = append(o.Values, v.Value)
		}
		return err
	}}
}

// writtenLater is what a copy of memory in use lacks.
const writtenLater = "what those that use it write later: the copy is made right before the removal"

// saveShm saves a segment. Its content is read through a process that has it attached: that changes nothing. If nobody
// has, the deed attaches it, removes it, copies it and lets it go: see shmLate.
func (s *survey) saveShm(st *Step, seg sysv.ShmSegment) {
	holders := s.segmentMaps(st.Ref)
	size, huge := s.inMemory(st.Ref, seg)
	var err error
	switch {
	case seg.Size == 0:
	case size > s.saving.limit():
		err = fmt.Errorf("%w (%s)", errTooLarge, schema.Counted(size, "byte"))
	case seg.NAttch > 0:
		var f *os.File
		if f, err = s.openSegment(holders); err == nil {
			f.Close()
		}
	case !s.host.ShmReadable(seg.ID):
		err = syscall.EACCES
	case seg.Size > s.saving.limit() && !s.opensOwnMappings():
		err = fmt.Errorf("%w (%s), and only root can tell its holes", errTooLarge, schema.Counted(seg.Size, "byte"))
	}
	switch {
	case err != nil:
		st.lacks("what it holds", err)
	case seg.NAttch > 0:
		st.Unsaved = append(st.Unsaved, writtenLater)
	}
	late := (*kept)(nil)
	st.back = &wayBack{save: func(o *kept) error {
		now, statErr := s.host.ShmStat(seg.ID)
		if statErr != nil {
			return statErr
		}
		if now != seg { // to attach it would blur what changed
			return shmFacts(seg).changed(shmFacts(now))
		}
		o.owned(now.IPCPerm)
		o.Size, o.Locked, o.Huge = now.Size, now.Locked(), huge
		o.Unsaved = strings.Join(st.Unsaved, "; ")
		if err != nil {
			return nil
		}
		if err := o.open(); err != nil {
			return err
		}
		if now.NAttch == 0 {
			late = o
			return o.reserve(size)
		}
		f, err := s.openSegment(holders)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := o.data.copyFile(f, now.Size); err != nil {
			return err
		}
		return o.closeData()
	}}
	plain := st.do
	st.do = func() (string, error) {
		if late == nil {
			return plain()
		}
		return s.shmLate(seg, late)
	}
}

// shmLate removes a segment that nobody has attached, and saves it. Its attachment of the segment is the only one, so
// nobody changes the content, and after the removal nobody finds it. The kernel frees the segment when it is detached.
func (s *survey) shmLate(seg sysv.ShmSegment, o *kept) (string, error) {
	data, err := s.admin.ShmAttach(seg.ID, true)
	if err != nil {
		return "", err
	}
	defer func() { _ = s.admin.ShmDetach(data) }() // an error would mean that it is not attached
	me := int32(os.Getpid())
	says, err := guarded(seg, func() (sysv.ShmSegment, error) {
		now, err := s.host.ShmStat(seg.ID)
		if now.NAttch == 1 && now.LPid == me { // our own attachment changed these three
			now.NAttch, now.LPid, now.ATime = 0, seg.LPid, seg.ATime
		}
		return now, err
	}, shmFacts, func() error { return s.admin.ShmRemove(seg.ID) }, "removed")()
	if err != nil {
		return says, err
	}
	if err := s.copyAttached(o, data, seg); err != nil {
		o.Unsaved = err.Error()
	}
	return says, nil
}

// copyAttached copies our own mapping. It reads the file behind it where that is allowed: a hole there stays a hole.
func (s *survey) copyAttached(o *kept, data []byte, seg sysv.ShmSegment) error {
	if f, err := s.openOwn(process.MappingOf(data, uint64(seg.ID))); err == nil {
		defer f.Close()
		return o.data.copyFile(f, seg.Size)
	}
	if seg.Size > o.keeper.limit {
		return errTooLarge
	}
	for at := 0; at < int(seg.Size); at += savedChunk {
		if err := o.data.memory(uint64(at), data[at:min(at+savedChunk, int(seg.Size))]); err != nil {
			return err
		}
	}
	return nil
}

// openOwn opens the file behind a mapping of this process.
func (s *survey) openOwn(m process.Mapping) (*os.File, error) {
	dir, err := s.host.OpenProc(process.SelfPID())
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.OpenMapped(m)
}

// opensOwnMappings is true if this process may open the files behind its own mappings (proc_map_files_get_link in
// fs/proc/base.c).
func (s *survey) opensOwnMappings() bool {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		return false
	}
	defer f.Close()
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		return false
	}
	page, err := syscall.Mmap(int(f.Fd()), 0, os.Getpagesize(), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return false
	}
	defer func() { _ = syscall.Munmap(page) }() // an error would mean that it is not mapped
	mapped, err := s.openOwn(process.MappingOf(page, st.Ino))
	if err == nil {
		mapped.Close()
	}
	return err == nil
}

// segmentMaps lists the mappings of a segment, with their processes.
func (s *survey) segmentMaps(r schema.Ref) (maps []mappedBy) {
	o := s.snap.Find(r)
	if o == nil {
		return nil
	}
	for _, holder := range o.Row.(*kinds.ShmRow).Maps {
		for _, m := range holder.Shared {
			if m.Ino == r.ID && strings.HasPrefix(m.Name, proc.SegmentName) {
				maps = append(maps, mappedBy{holder.PID, m})
				break
			}
		}
	}
	return maps
}

// mappedBy is a mapping of a process.
type mappedBy struct {
	pid int
	at  process.Mapping
}

var errNoMapping = errors.New("no process that has it attached can be looked into")

// openSegment opens the file behind the first mapping that may be read.
func (s *survey) openSegment(maps []mappedBy) (*os.File, error) {
	err := errNoMapping
	for _, m := range maps {
		dir, openErr := s.host.OpenProc(m.pid)
		if openErr != nil {
			err = openErr
			continue
		}
		f, openErr := dir.OpenMapped(m.at)
		dir.Close()
		if err = openErr; err == nil {
			return f, nil
		}
	}
	return nil, err
}

// inMemory is the size of what a segment holds, in bytes: pages that were never written hold nothing. It also tells if
// the segment has huge pages.
func (s *survey) inMemory(r schema.Ref, seg sysv.ShmSegment) (size uint64, huge bool) {
	if o := s.snap.Find(r); o != nil {
		for _, status := range o.Row.(*kinds.ShmRow).Status {
			huge = huge || status == kinds.StatusHugeTLB
		}
	}
	if seg.Size <= s.saving.limit() || s.plan == nil {
		return seg.Size, huge
	}
	if s.segments == nil {
		s.segments = map[int]sysv.ShmSegment{}
		all, err := s.host.ShmSegments(true)
		if err != nil {
			return seg.Size, huge
		}
		for _, one := range all {
			s.segments[one.ID] = one
		}
	}
	if one, ok := s.segments[seg.ID]; ok && one.HasRSS {
		return min(seg.Size, one.RSS+one.Swap), huge
	}
	return seg.Size, huge
}
