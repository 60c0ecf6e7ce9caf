package software

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/proc"
)

const (
	namesMost    = 16384 // entries of a directory to compare with a pattern
	patternsMost = 256   // files of one pattern
)

// PatternFiles holds the files of a pattern, by the 24 bits that ftok takes of a file.
type PatternFiles struct {
	byBits map[uint32]string
	whole  bool // no file is missing
}

// FilesOfPattern lists the files whose path fits a pattern of a signature. It searches once a tick. It searches only
// if somebody wants the files of signatures or a verdict from them, since only then the mounts are known.
func FilesOfPattern(t *proc.Tick, pattern string) PatternFiles {
	if !t.Needs.Has(proc.NeedMounts) || !t.Host.Live() {
		return PatternFiles{}
	}
	known := proc.Memo(t, func(*proc.Tick) knownPatterns { return knownPatterns{} })
	files, ok := known[pattern]
	if !ok {
		files = lookForPattern(t, pattern)
		known[pattern] = files
	}
	return files
}

// knownPatterns holds the files of each pattern that was asked for.
type knownPatterns map[string]PatternFiles

func lookForPattern(t *proc.Tick, pattern string) PatternFiles {
	files := PatternFiles{byBits: map[uint32]string{}}
	self, err := t.Host.OpenProc(t.Self)
	if err != nil {
		return files
	}
	defer self.Close()
	hangs := t.Hangs(self)
	dir, err := self.RealPath(path.Dir(pattern), hangs)
	if err != nil {
		files.whole = errors.Is(err, fs.ErrNotExist)
		return files
	}
	names, err := namesLike(dir, path.Base(pattern))
	files.whole = err == nil || errors.Is(err, fs.ErrNotExist)
	for _, name := range names {
		// Everybody may put a link into /tmp. The link is followed only if that cannot hang.
		real, err := self.RealPath(path.Join(dir, name), hangs)
		if err == nil {
			var id vfs.FileID
			if id, err = self.StatPath(real); err == nil {
				files.byBits[sysv.Ftok(id.Dev, id.Ino, 0)] = path.Join(dir, name)
			}
		}
		files.whole = files.whole && (err == nil || errors.Is(err, fs.ErrNotExist))
	}
	return files
}

// errMany means that a directory or a pattern has more names than the limit.
var errMany = errors.New("more than are looked at")

// namesLike lists the names in a directory that fit a pattern. The names are valid even with an error. A name without
// wildcards needs no read of the directory, which may be forbidden.
func namesLike(dir, pattern string) ([]string, error) {
	if !strings.ContainsAny(pattern, `*?[\`) {
		return []string{pattern}, nil
	}
	open, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer open.Close()
	names, err := open.Readdirnames(namesMost + 1)
	if len(names) > namesMost {
		names, err = names[:namesMost], errMany
	} else if errors.Is(err, io.EOF) {
		err = nil // the directory is empty
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		fits, err := path.Match(pattern, name)
		return err != nil || !fits
	})
	if len(names) > patternsMost {
		names, err = names[:patternsMost], errMany
	}
	return names, err
}
