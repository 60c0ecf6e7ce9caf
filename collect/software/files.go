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
	namesMost    = 16384 // entries of a directory that are compared with a pattern
	patternsMost = 256   // files of one pattern
)

// PatternFiles are the files of a pattern by the 24 bits that ftok takes of them.
type PatternFiles struct {
	byBits map[uint32]string
	whole  bool // none could be missing
}

// FilesOfPattern lists the files whose path fits a pattern of a signature. It looks once a tick, and only for those
// who asked for the files that signatures name, or for a verdict by them: where a look may hang is known then.
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

// knownPatterns are the files of the patterns that somebody asked for.
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
		// Anybody may put a link into /tmp: it is followed where that cannot hang.
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

// errMany is for more names than are looked at.
var errMany = errors.New("more than are looked at")

// namesLike lists the names in a directory that fit a pattern. With an error those that were found count. A name that
// is no pattern takes no look into the directory, which may be forbidden.
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
		err = nil // it is empty
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
