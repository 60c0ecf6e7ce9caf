package collect

import (
	"os"
	"path"

	"github.com/ipctop/ipctop/collect/kernel"
)

const (
	namesMost    = 16384 // entries of a directory that are compared with a pattern
	patternsMost = 256   // files of one pattern
)

// filesOfPattern lists the files whose path fits a pattern of a signature, by the 24 bits that ftok takes of them. It looks once a tick, and only
// if NeedClusters was asked for.
func (f *Facts) filesOfPattern(pattern string) map[uint32]string {
	s := f.software
	if !f.Needs.Has(clusterNeeds) || !f.Host.Live() {
		return nil
	}
	files, ok := s.patterns[pattern]
	if !ok {
		if s.patterns == nil {
			s.patterns = map[string]map[uint32]string{}
		}
		files = f.lookForPattern(pattern)
		s.patterns[pattern] = files
	}
	return files
}

func (f *Facts) lookForPattern(pattern string) map[uint32]string {
	self, err := f.Host.OpenProc(f.self)
	if err != nil {
		return nil
	}
	defer self.Close()
	hangs := f.software.hangs(self)
	dir, err := self.RealPath(path.Dir(pattern), hangs)
	if err != nil {
		return nil
	}
	open, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer open.Close()
	names, _ := open.Readdirnames(namesMost) // what could be read of it counts
	files := map[uint32]string{}
	for _, name := range names {
		if fits, err := path.Match(path.Base(pattern), name); err != nil || !fits || len(files) == patternsMost {
			continue
		}
		// Anybody may put a link into /tmp: it is followed where that cannot hang.
		real, err := self.RealPath(path.Join(dir, name), hangs)
		if err != nil {
			continue
		}
		if id, err := self.StatPath(real); err == nil {
			files[kernel.Ftok(id.Dev, id.Ino, 0)] = path.Join(dir, name)
		}
	}
	return files
}
