package actions

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/account"
	"github.com/ipctop/ipctop/collect/schema"
)

// Settings are the new values of one use of the verb set. A nil pointer means that the value stays.
type Settings struct {
	UID    *uint32        `json:"uid,omitempty"`
	GID    *uint32        `json:"gid,omitempty"`
	Perms  *uint32        `json:"perms,omitempty"`  // permission bits, at most 0777
	QBytes *uint64        `json:"qbytes,omitempty"` // capacity of a message queue
	Size   *uint64        `json:"size,omitempty"`   // bytes of POSIX shared memory
	Locked *bool          `json:"locked,omitempty"` // a segment is kept out of swap
	Values map[int]uint16 `json:"values,omitempty"` // of semaphores
}

// setting is one name that the verb takes, with the kinds that have the value.
type setting struct {
	name  string
	help  string
	kinds []schema.Kind
	set   func(*Settings, string) error
}

// settings lists the names of NAME=VALUE. sval is the value of semaphore 0, sval[N] that of semaphore N.
func settings() []setting {
	owned := []schema.Kind{schema.Msg, schema.Sem, schema.Shm, schema.PMsg, schema.PSem, schema.PShm}
	return []setting{
		{"owner", "a user's name or number", owned, func(s *Settings, text string) error {
			return ownerNumber(&s.UID, text, "user", account.UIDOf)
		}},
		{"group", "a group's name or number", owned, func(s *Settings, text string) error {
			return ownerNumber(&s.GID, text, "group", account.GIDOf)
		}},
		{"perms", "permission bits in octal, as 0640", owned, (*Settings).setPerms},
		{"qbytes", "capacity of a queue in bytes, as 64K", []schema.Kind{schema.Msg},
			func(s *Settings, text string) error { return size(&s.QBytes, text) }},
		{semaphoreValue, "the value of semaphore N, written sval[N]", []schema.Kind{schema.Sem}, nil},
		{"locked", "yes keeps a segment out of swap, no ends that", []schema.Kind{schema.Shm}, (*Settings).setLocked},
		{"size", "bytes of shared memory, as 2M", []schema.Kind{schema.PShm},
			func(s *Settings, text string) error { return size(&s.Size, text) }},
	}
}

const semaphoreValue = "sval"

// ParseSettings reads settings that blanks divide: "owner=alice perms=0640 sval[2]=1".
func ParseSettings(text string) (*Settings, error) {
	all := settings()
	s := &Settings{}
	for _, word := range strings.Fields(text) {
		name, value, ok := strings.Cut(word, "=")
		name, index, indexed := strings.Cut(name, "[")
		i := slices.IndexFunc(all, func(x setting) bool { return x.name == name })
		var err error
		switch {
		case !ok || i < 0 || indexed && name != semaphoreValue:
			return nil, fmt.Errorf("%q is no setting: say NAME=VALUE, with one of the names %s", word, settingNames())
		case name == semaphoreValue:
			err = s.setValue(index, indexed, value)
		default:
			err = all[i].set(s, value)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", word, err)
		}
	}
	if len(strings.Fields(text)) == 0 {
		return nil, fmt.Errorf("no setting: say NAME=VALUE, with one of the names %s", settingNames())
	}
	return s, nil
}

// IsSetting is true for an argument in the form of a setting. A REF has a colon before any "=".
func IsSetting(arg string) bool {
	name, _, ok := strings.Cut(arg, "=")
	return ok && !strings.Contains(name, ":")
}

func settingNames() string {
	var names []string
	for _, x := range settings() {
		names = append(names, x.name)
	}
	return strings.Replace(strings.Join(names, ", "), semaphoreValue, semaphoreValue+"[N]", 1)
}

// errTwice is the error of a second value for one name.
var errTwice = errors.New("the name stands there twice")

func ownerNumber(to **uint32, text, what string, find func(string) (uint32, bool)) error {
	id, ok := find(text)
	switch {
	case *to != nil:
		return errTwice
	case !ok:
		return fmt.Errorf("no %s has this name or number", what)
	}
	*to = &id
	return nil
}

func size(to **uint64, text string) error {
	if *to != nil {
		return errTwice
	}
	n, err := schema.ParseSize(text)
	*to = &n
	return err
}

func (s *Settings) setPerms(text string) error {
	if s.Perms != nil {
		return errTwice
	}
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil || n > 0o777 {
		return errors.New("permissions are octal numbers from 0 to 0777")
	}
	perms := uint32(n)
	s.Perms = &perms
	return nil
}

func (s *Settings) setLocked(text string) error {
	if s.Locked != nil {
		return errTwice
	}
	if text != "yes" && text != "no" {
		return errors.New("say yes or no")
	}
	locked := text == "yes"
	s.Locked = &locked
	return nil
}

// maxSemValue is SEMVMX of include/uapi/linux/sem.h.
const maxSemValue = 32767

func (s *Settings) setValue(index string, indexed bool, text string) error {
	num := 0
	if indexed {
		n, err := strconv.ParseUint(strings.TrimSuffix(index, "]"), 10, 16)
		if err != nil || !strings.HasSuffix(index, "]") {
			return fmt.Errorf("say %s[N], N a number from 0", semaphoreValue)
		}
		num = int(n)
	}
	if _, twice := s.Values[num]; twice {
		return errTwice
	}
	value, err := strconv.ParseUint(text, 10, 16)
	if err != nil || value > maxSemValue {
		return fmt.Errorf("a semaphore's value is a number from 0 to %d", maxSemValue)
	}
	if s.Values == nil {
		s.Values = map[int]uint16{}
	}
	s.Values[num] = uint16(value)
	return nil
}

// unfit names the settings that a kind does not have.
func (s *Settings) unfit(k schema.Kind) []string {
	given := map[string]bool{"owner": s.UID != nil, "group": s.GID != nil, "perms": s.Perms != nil,
		"qbytes": s.QBytes != nil, "size": s.Size != nil, "locked": s.Locked != nil, semaphoreValue: s.Values != nil}
	var names []string
	for _, x := range settings() {
		if given[x.name] && !slices.Contains(x.kinds, k) {
			names = append(names, x.name)
		}
	}
	return names
}

// Settable is true for a kind whose objects have settings.
func Settable(k schema.Kind) bool {
	return slices.ContainsFunc(settings(), func(x setting) bool { return slices.Contains(x.kinds, k) })
}
