package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/own"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/software"
	"github.com/ipctop/ipctop/views"
)

// openHost opens the machine, or a tree of files for --root. It also reads the settings of the user.
func openHost(root string) (*kernel.Host, []collect.Setting, error) {
	host, err := kernel.Open(root)
	if err != nil {
		return nil, nil, usageErrorf("--root: %v", err)
	}
	source, err := sourceSetting(os.Getenv)
	if err != nil {
		return nil, nil, err
	}
	settings, err := readSettings(os.Getenv)
	return host, append(settings, source), err
}

// sourceSetting reads IPCTOP_SOURCE, which makes the walk take one of its sources.
func sourceSetting(getenv func(string) string) (collect.Setting, error) {
	switch source := proc.Source(getenv("IPCTOP_SOURCE")); source {
	case proc.AnySource, proc.FromProc, proc.FromBPF:
		return collect.WithSource(source), nil
	default:
		return nil, usageErrorf("IPCTOP_SOURCE is %q: it takes proc or bpf", views.Visible(string(source)))
	}
}

// readSettings reads the user's own signatures of software. They come in addition to the built-in signatures. Without a
// file there are no settings. A wrong file is a usage error.
func readSettings(getenv func(string) string) ([]collect.Setting, error) {
	path, home := signaturesPath(getenv)
	if path == "" {
		return nil, nil
	}
	return settingsOf(path, home)
}

// settingsOf reads the signatures at path. home is the home directory that path is in, or "". A user may have no home
// directory of its own: uid 0 of a user namespace finds that of another root in the password file. An unreadable file
// there is a note.
func settingsOf(path, home string) ([]collect.Setting, error) {
	text, err := own.ReadFile(path, maxSettings, "who could so decide what is protected")
	if errors.Is(err, fs.ErrNotExist) {
		// The target of a link can be missing for a time only. Without it, ipctop could call protected objects orphans.
		for _, link := range []string{path, filepath.Dir(path)} {
			if to, err := os.Readlink(link); err == nil {
				return nil, usageErrorf("%s: it is a link to %s, where nothing is: what it protects cannot be told; "+
					"mend or remove it", link, to)
			}
		}
		return nil, nil
	}
	if err != nil && home != "" && !own.OwnsHome(home) {
		return []collect.Setting{collect.WithNote(fmt.Sprintf("no settings: %v (the home directory %s is "+
			"another user's)", err,
			home))}, nil
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

// signaturesPath gives $XDG_CONFIG_HOME/ipctop/signatures.yaml, by default below ~/.config. It gives "" for a user
// without a home directory. HOME can belong to another user, after su or a sudo that keeps HOME. The home directory is
// then the one in the password file: root must not follow the settings of another user. home is the home directory, or
// "" with XDG_CONFIG_HOME.
func signaturesPath(getenv func(string) string) (path, home string) {
	config := getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(config) { // the XDG base directory specification says to ignore a relative path
		var err error
		if home, err = own.Home(getenv("HOME")); err != nil {
			return "", ""
		}
		config = filepath.Join(home, ".config")
	}
	return filepath.Join(config, "ipctop", "signatures.yaml"), home
}

// maxSettings is the largest size of a file of settings, in bytes.
const maxSettings = 1 << 20
