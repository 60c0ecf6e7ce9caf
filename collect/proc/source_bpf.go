package proc

import (
	"cmp"
	"os"
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/kernel/openfile"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// bpfSource is what BPF programs listed at the beginning of a tick.
type bpfSource struct {
	files *openfile.Table
}

// descriptors tells nothing of a process that refuses its descriptors in /proc. Then /proc gives the reason.
func (b *bpfSource) descriptors(p *Process, dir process.Dir, buf []byte, scan *fdScan) bool {
	first := p.Living()
	files, ok := b.files.Files(first, p.Start)
	if !ok || !b.mayTrace(dir, first, files, buf) {
		return false
	}
	scan.found = make([]FD, 0, files.Count(func(c openfile.Class) bool { return c != openfile.Plain }))
	for f := range files.Each {
		scan.file(dir, f, buf)
	}
	p.FDErr = scan.err
	for _, tid := range b.files.OwnTables(p.PID) {
		if int(tid) != first {
			b.ownTable(p, dir, int(tid), files.Table(), buf, scan)
		}
	}
	return true
}

// mayTrace asks for the right to read the links of the thread's descriptors. kcmp(2) needs the same right, and costs a
// sixth of readlink(2).
func (b *bpfSource) mayTrace(dir process.Dir, tid int, files openfile.Files, buf []byte) bool {
	_, err := dir.SameFiles(os.Getpid(), tid)
	if err != nil && !sys.Denied(err) { // a kernel without kcmp
		_, err = dir.FDLink(int(files.First().FD()), buf)
	}
	return err == nil
}

// ownTable adds the descriptors of a thread in another table than that of the process.
func (b *bpfSource) ownTable(p *Process, dir process.Dir, tid int, shared uint64, buf []byte, scan *fdScan) {
	files, ok := b.files.Files(tid, p.Start)
	if !ok || files.Table() == shared {
		return
	}
	i := slices.IndexFunc(p.OwnTables, func(own OwnTable) bool {
		other, ok := b.files.Files(own.TIDs[0], p.Start)
		return ok && other.Table() == files.Table()
	})
	if i >= 0 {
		p.OwnTables[i].TIDs = append(p.OwnTables[i].TIDs, tid)
		return
	}
	of, err := dir.OfThread(tid)
	if err != nil {
		p.OwnErr = cmp.Or(p.OwnErr, failure(err))
		return
	}
	defer of.Close()
	own := scan.ofTable(of)
	for f := range files.Each {
		own.file(of, f, buf)
	}
	p.OwnErr = cmp.Or(p.OwnErr, own.err)
	scan.addTable(p, tid, own)
}

// file gets a descriptor of the BPF program. Only descriptors whose path is needed get their link read.
func (s *fdScan) file(dir process.Dir, f openfile.File, buf []byte) {
	s.seen++
	num := int(f.FD())
	switch f.Class() {
	case openfile.Socket:
		s.socket(num, f.Ino())
		return
	case openfile.Pipe:
		s.pipe(openFile{f}, num, f.Ino())
		return
	case openfile.Anon:
		s.anonymous(num, f.Name())
		return
	}
	if f.HasPath() {
		switch {
		case s.watch && (s.modes || s.files) && vfs.MayHang(string(f.Name())):
			s.skipped++
			return
		case !s.wantsPath(f.ID()):
			return
		}
	}
	if path := f.Path(); f.HasPath() && f.Stated() && len(path) > 0 {
		s.known(openFile{f}, num, path)
		return
	}
	// The descriptor may lead to another file by now. So /proc tells all of it.
	target, err := dir.FDLink(num, buf)
	switch {
	case err == nil:
		s.link(dir.FD(num), num, target)
	case !sys.Gone(err):
		s.err = cmp.Or(s.err, err)
	}
}

// wantsPath reports whether some mechanism needs the path of the file.
func (s *fdScan) wantsPath(id vfs.FileID) bool {
	return s.files || s.modes && id.IsFIFO() || s.ttys && id.IsCharDevice()
}

// openFile is a descriptor of the BPF program as an entry. The program has told all of it.
type openFile struct{ openfile.File }

// Access never fails.
func (f openFile) Access() (fdinfo.Access, error) { return f.File.Access(), nil }

// Stat never fails. It is for files whose stat gives the numbers of the inode: see openfile.File.Stated.
func (f openFile) Stat([]byte) (vfs.FileID, error) { return f.ID(), nil }
