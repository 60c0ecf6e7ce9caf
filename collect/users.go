package collect

import (
	"os/user"
	"strconv"
)

// Users turns numeric owners into names, asking the system once per id. An id without an entry has no name.
// It is not safe for concurrent use.
type Users struct {
	users, groups map[uint32]string
	live          bool
}

// NewUsers returns an empty cache. In a file tree that is not the live machine, names would be another machine's: there, ids stay numbers.
func NewUsers(live bool) *Users {
	return &Users{users: map[uint32]string{}, groups: map[uint32]string{}, live: live}
}

// User is the user's name, or the uid in digits where there is none.
func (u *Users) User(uid uint32) string {
	return u.name(u.users, uid, func(id string) (string, error) {
		e, err := user.LookupId(id)
		if err != nil {
			return "", err
		}
		return e.Username, nil
	})
}

// Group is the group's name, or the gid in digits where there is none.
func (u *Users) Group(gid uint32) string {
	return u.name(u.groups, gid, func(id string) (string, error) {
		e, err := user.LookupGroupId(id)
		if err != nil {
			return "", err
		}
		return e.Name, nil
	})
}

func (u *Users) name(cache map[uint32]string, id uint32, look func(string) (string, error)) string {
	if name, ok := cache[id]; ok {
		return name
	}
	digits := strconv.FormatUint(uint64(id), 10)
	name := digits
	if u.live {
		if found, err := look(digits); err == nil && found != "" {
			name = found
		}
	}
	cache[id] = name
	return name
}
