package account

import (
	"math"
	"os/user"
	"strconv"
)

// Users turns numeric owners into names. It asks the system once for each id. If only files can be asked, it reads
// each file once. An id without an entry has no name. It is not safe for concurrent use.
type Users struct {
	users, groups map[uint32]account
	live          bool
}

// account is the system's entry for an id.
type account struct {
	name  string
	known bool
}

// NewUsers returns an empty cache. live is false for a file tree: the tree is of another machine, so this machine's
// names are wrong and ids stay numbers.
func NewUsers(live bool) *Users { return &Users{live: live} }

// User is the user's name. It is the uid in digits if there is no name.
func (u *Users) User(uid uint32) string {
	name, ok := u.UserName(uid)
	return orDigits(name, ok, uid)
}

// Group is the group's name. It is the gid in digits if there is no name.
func (u *Users) Group(gid uint32) string {
	name, ok := u.GroupName(gid)
	return orDigits(name, ok, gid)
}

// UserName is the user's name. ok is false if there is none.
func (u *Users) UserName(uid uint32) (name string, ok bool) {
	if u.users == nil {
		u.users = u.begin("/etc/passwd", 2)
	}
	return u.name(u.users, uid, func(id string) (string, error) {
		e, err := user.LookupId(id)
		if err != nil {
			return "", err
		}
		return e.Username, nil
	})
}

// GroupName is the group's name. ok is false if there is none.
func (u *Users) GroupName(gid uint32) (name string, ok bool) {
	if u.groups == nil {
		u.groups = u.begin("/etc/group", 1)
	}
	return u.name(u.groups, gid, func(id string) (string, error) {
		e, err := user.LookupGroupId(id)
		if err != nil {
			return "", err
		}
		return e.Name, nil
	})
}

// UIDOf is the number of a user, given by name or in digits. A name that looks like a number is a name, as for
// chown(1).
// ok is false if there is no such user.
func UIDOf(name string) (uid uint32, ok bool) {
	return number(name, "/etc/passwd", 2, func(name string) (string, error) {
		e, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return e.Uid, nil
	})
}

// GIDOf is the number of a group, given by name or in digits.
func GIDOf(name string) (gid uint32, ok bool) {
	return number(name, "/etc/group", 1, func(name string) (string, error) {
		e, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return e.Gid, nil
	})
}

func number(name, path string, numbers int, look func(string) (string, error)) (uint32, bool) {
	if id, ok := accountNamed(path, numbers, name); ok {
		return id, true
	}
	digits := name
	if asksNSS {
		if id, err := look(name); err == nil {
			digits = id
		}
	}
	id, err := strconv.ParseUint(digits, 10, 32)
	// The last number means "do not change" to chown(2), and no user has it.
	return uint32(id), err == nil && id < math.MaxUint32
}

// begin returns the first content of a cache: the whole file, or an empty map if the C library is asked later.
func (u *Users) begin(path string, numbers int) map[uint32]account {
	if u.live && !asksNSS {
		if all := accountFile(path, numbers); all != nil {
			return all
		}
	}
	return map[uint32]account{}
}

func (u *Users) name(cache map[uint32]account, id uint32, look func(string) (string, error)) (string, bool) {
	if a, ok := cache[id]; ok {
		return a.name, a.known
	}
	var a account
	if u.live && asksNSS {
		if found, err := look(strconv.FormatUint(uint64(id), 10)); err == nil && found != "" {
			a = account{found, true}
		}
	}
	cache[id] = a
	return a.name, a.known
}

func orDigits(name string, ok bool, id uint32) string {
	if ok {
		return name
	}
	return strconv.FormatUint(uint64(id), 10)
}
