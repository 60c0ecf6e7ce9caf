package actions

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/schema"
)

// A plan that changes settings saves the values before and after. Undo sets the values from before, if the values are
// still those from after.

// settings are all values of a System V object that Set changes. values are those of the semaphores that it sets.
func (o *sysvObject) settings(values map[int]uint16) *Settings {
	perms, locked := o.perm.Perms(), o.perm.Locked()
	return &Settings{UID: &o.perm.UID, GID: &o.perm.GID, Perms: &perms, QBytes: &o.queue.QBytes, Locked: &locked,
		Values: values}
}

// fileSettings are all values of a POSIX object that Set changes.
func fileSettings(f vfs.PosixFile) *Settings {
	perms := f.Perms()
	return &Settings{UID: &f.UID, GID: &f.GID, Perms: &perms, Size: &f.Size}
}

// only returns the values of s that other has, too.
func (s *Settings) only(other *Settings) *Settings {
	cut := &Settings{UID: both(s.UID, other.UID), GID: both(s.GID, other.GID), Perms: both(s.Perms, other.Perms),
		QBytes: both(s.QBytes, other.QBytes), Size: both(s.Size, other.Size), Locked: both(s.Locked, other.Locked)}
	for num := range other.Values {
		if value, ok := s.Values[num]; ok {
			if cut.Values == nil {
				cut.Values = map[int]uint16{}
			}
			cut.Values[num] = value
		}
	}
	return cut
}

func both[T any](value, other *T) *T {
	if other == nil {
		return nil
	}
	return value
}

// changed names the first value that differs from now: "perms is 0644".
func (s *Settings) changed(now *Settings) string {
	switch {
	case differ(s.UID, now.UID):
		return fmt.Sprintf("owner is %d", *now.UID)
	case differ(s.GID, now.GID):
		return fmt.Sprintf("group is %d", *now.GID)
	case differ(s.Perms, now.Perms):
		return fmt.Sprintf("perms is %v", octal(*now.Perms))
	case differ(s.QBytes, now.QBytes):
		return fmt.Sprintf("qbytes is %d", *now.QBytes)
	case differ(s.Size, now.Size):
		return fmt.Sprintf("size is %d", *now.Size)
	case differ(s.Locked, now.Locked):
		return "locked is " + yesNo(*now.Locked)
	}
	for _, num := range slices.Sorted(maps.Keys(s.Values)) {
		if now.Values[num] != s.Values[num] {
			return fmt.Sprintf("%s[%d] is %d", semaphoreValue, num, now.Values[num])
		}
	}
	return ""
}

func differ[T comparable](a, b *T) bool { return a != nil && b != nil && *a != *b }

// setBack saves the values that the plan changes. identify saves what tells the object from others.
func (s *setter) setBack(was *Settings, identify func(*kept)) *wayBack {
	return &wayBack{save: func(o *kept) error {
		o.Before, o.After = was.only(s.to), s.to
		identify(o)
		return nil
	}}
}

// stepSet plans to set the values from before.
func (u *undoer) stepSet(st *Step, o *savedObject) error {
	ref := st.Ref
	s := &setter{u.survey(u.plan, []schema.Ref{ref}, setNeeds), o.Before}
	now, err := s.now(&ref, o)
	if err != nil {
		return err
	}
	if is := o.After.changed(now); is != "" {
		return refuse("%s by now: somebody has changed it since", is)
	}
	if ref.Kind.SysV() {
		if err := u.unmoved(o, int64(ref.Gen)); err != nil {
			return err
		}
	}
	*st, err = s.step(ref)
	st.back, st.Unsaved = nil, nil
	if do := st.do; do != nil && ref.Kind.SysV() {
		st.do = func() (string, error) {
			says, err := do()
			if err == nil {
				if err := s.moved(u.dir, o.Step, ref, int64(ref.Gen)); err != nil {
					says += fmt.Sprintf("; earlier changes cannot be undone, since its ctime is not saved: %v", err)
				}
			}
			return says, err
		}
	}
	return err
}

// now reads the values of a saved object. It sets the generation of the Ref.
func (s *setter) now(r *schema.Ref, o *savedObject) (*Settings, error) {
	if !r.Kind.SysV() {
		access, err := s.access(*r)
		if err != nil {
			return nil, err
		}
		file, err := access.stat(r.Name)
		if err == nil && file.Ino != o.Inode {
			err = goneError("another object has its name now")
		}
		r.Gen = file.Ino
		return fileSettings(file), err
	}
	is, err := s.read(*r)
	if err != nil {
		return nil, err
	}
	if is.perm.Key != o.Key || is.perm.CUID != o.CUID || is.perm.CGID != o.CGID || is.nsems != o.NSems {
		return nil, goneError("another object has its id now")
	}
	r.Gen = uint64(is.ctime)
	sems, err := s.semaphores(*r, is.nsems)
	return is.settings(sems.values), err
}
