package leaks

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/software"
)

// tmpfiles holds the FIFOs in tmpfiles.d(5). The administrator or a package wants them to exist from the start of the
// machine on, open or not.
type tmpfiles struct {
	fifos    map[string]string // by path: the file that lists the FIFO
	coverage relate.Coverage   // proof that all files were read
}

// tmpfilesDirs lists the directories of the configuration files (tmpfiles.d(5)).
func tmpfilesDirs() []string {
	return []string{"/etc/tmpfiles.d", "/run/tmpfiles.d", "/usr/local/lib/tmpfiles.d", "/usr/lib/tmpfiles.d"}
}

// protectFIFO adds the protection of a FIFO that tmpfiles.d lists.
func (l *tick) protectFIFO(e *relate.Evidence, s software.Subject) {
	if s.Kind != schema.Fifo || e.Protected != "" {
		return
	}
	known := l.tmpfiles()
	if list, ok := known.fifos[underRun(s.Name)]; ok {
		e.Protected = "it is meant to be there unused: " + list + " lists it (tmpfiles.d)"
	} else if !known.coverage.Complete {
		e.AllRules.MarkIncomplete(strings.Join(known.coverage.Says, "; "))
	}
}

func (l *tick) readTmpfiles() *tmpfiles {
	t := &tmpfiles{fifos: map[string]string{}, coverage: relate.Coverage{Complete: true}}
	hide := func(err error) {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.coverage.MarkIncomplete("what tmpfiles.d says is to be there could not be read: " + err.Error())
		}
	}
	for _, dir := range tmpfilesDirs() {
		names, err := l.Host.ReadDir(dir)
		hide(err)
		for _, entry := range names {
			name := path.Join(dir, entry)
			regular, err := l.Host.IsRegular(name) // a link to /dev/null disables the file of that name
			hide(err)
			if err != nil || !regular || !strings.HasSuffix(name, ".conf") {
				continue
			}
			text, err := l.Host.ReadFile(name)
			hide(err)
			for _, fifo := range tmpfilesFIFOs(string(text)) {
				t.fifos[fifo] = name
			}
		}
	}
	return t
}

// tmpfilesFIFOs returns the paths in the lines of type p, which make FIFOs (tmpfiles.d(5)).
func tmpfilesFIFOs(text string) (paths []string) {
	for line := range strings.Lines(text) {
		var typ, name string
		if n, _ := fmt.Sscan(line, &typ, &name); n < 2 || typ[0] != 'p' || strings.Trim(typ[1:], "+!-=~^$?") != "" {
			continue
		}
		name = strings.NewReplacer("%t", "/run", "%T", "/tmp", "%V", "/var/tmp", "%%",
			"%").Replace(strings.Trim(name, `"'`))
		paths = append(paths, underRun(path.Clean(name)))
	}
	return paths
}

// underRun replaces /var/run by /run at the start of a path. Both are the same directory (file-hierarchy(7)).
func underRun(name string) string {
	if rest, ok := strings.CutPrefix(name, "/var/run/"); ok {
		return "/run/" + rest
	}
	return name
}
