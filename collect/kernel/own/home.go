package own

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// Home returns home if this user owns it, or else the user's home directory in the password file. The error means that
// the user has neither. After su, HOME may belong to another user: root's files have no place there, and root must not
// obey the files there.
func Home(home string) (string, error) {
	if OwnsHome(home) {
		return home, nil
	}
	uid := sys.EffectiveUID()
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil || !filepath.IsAbs(u.HomeDir) {
		return "", fmt.Errorf("uid %d has no home directory", uid)
	}
	return u.HomeDir, nil
}

// OwnsHome is true if this user owns the directory.
func OwnsHome(home string) bool {
	info, err := os.Stat(home)
	if err != nil || !filepath.IsAbs(home) {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == sys.EffectiveUID()
}

// StateDir returns the directory for journal, saved objects and state files: $XDG_STATE_HOME/ipctop. The default of
// XDG_STATE_HOME is .local/state below Home. getenv is os.Getenv.
func StateDir(getenv func(string) string) (string, error) {
	state := getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) { // the XDG specification ignores a relative path
		home, err := Home(getenv("HOME"))
		if err != nil {
			return "", fmt.Errorf("%w: set XDG_STATE_HOME to a directory of yours", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "ipctop"), nil
}
