package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/software"
)

// openHost opens the machine, or a tree of files for --root, with what the user has configured to look at it.
func openHost(root string) (*kernel.Host, []collect.Setting, error) {
	host, err := kernel.Open(root)
	if err != nil {
		return nil, nil, usageErrorf("--root: %v", err)
	}
	settings, err := readSettings(os.Getenv)
	return host, settings, err
}

// readSettings reads what the user has configured: the signatures of software, besides the built-in ones. There need
// be no file. A file that is wrong is a mistake of usage.
func readSettings(getenv func(string) string) ([]collect.Setting, error) {
	path := signaturesPath(getenv)
	if path == "" {
		return nil, nil
	}
	text, err := readOwnFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		// what it leads to may be away for now, and what it protects is not for that
		for _, link := range []string{path, filepath.Dir(path)} {
			if to, err := os.Readlink(link); err == nil {
				return nil, usageErrorf("%s: it is a link to %s, where nothing is: what it protects cannot be told; mend or "+
					"remove it", link, to)
			}
		}
		return nil, nil
	}
	if err != nil {
		return nil, usageErrorf("%v", err)
	}
	s, err := software.Read(path, text)
	if err != nil {
		return nil, usageErrorf("%v", err)
	}
	return []collect.Setting{collect.WithSignatures(s)}, nil
}

// signaturesPath is $XDG_CONFIG_HOME/ipctop/signatures.yaml, by default below ~/.config; "" for a user without a home
// directory. A HOME that belongs to somebody else, as after su or a sudo that keeps it, is passed over for the one in
// the password file: what another user says about his own objects is not to count when root looks.
func signaturesPath(getenv func(string) string) string {
	config := getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(config) { // the XDG base directory specification has relative ones ignored
		home, err := actions.OwnHome(getenv("HOME"))
		if err != nil {
			return ""
		}
		config = filepath.Join(home, ".config")
	}
	return filepath.Join(config, "ipctop", "signatures.yaml")
}

// settingsMost is the most that a file of settings may hold, in bytes.
const settingsMost = 1 << 20

// readOwnFile reads a file that nobody but this user and root may write: whoever writes it decides what is called
// protected.
func readOwnFile(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO there is not waited for
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	switch st, ok := info.Sys().(*syscall.Stat_t); {
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s: it is no regular file: move it away", path)
	case ok && st.Uid != 0 && int(st.Uid) != sys.EffectiveUID():
		return "", fmt.Errorf("%s: it belongs to uid %d: give it to the user who runs ipctop, or set XDG_CONFIG_HOME to "+
			"another directory", path, st.Uid)
	case info.Mode().Perm()&0o022 != 0:
		return "", fmt.Errorf("%s: others may write it (mode %#o), who could so decide what is protected: chmod go-w it",
			path, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(f, settingsMost+1))
	if err != nil {
		return "", err
	}
	if len(text) > settingsMost {
		return "", fmt.Errorf("%s: it is larger than %d bytes: shorten it", path, settingsMost)
	}
	return string(text), nil
}
