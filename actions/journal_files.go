package actions

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/own"
)

// The files of the journal. journalName is the newest; journalName.1 is older, and so on up to oldJournals.
const (
	journalName  = "journal.jsonl"
	journalLock  = "journal.lock"
	oldJournals  = 4
	mostJournal  = 8 << 20 // bytes of a file before the next begins
	mostAtOnce   = 1 << 20 // bytes under one lock: other writers wait meanwhile
	syncInterval = time.Second
)

// journalFiles appends lines to the newest file. Every write holds a lock: the file may be renamed by another ipctop
// between two writes.
type journalFiles struct {
	dir      *own.Dir
	file     *os.File // the newest file as of the last write; nil before
	most     int64    // mostJournal
	now      func() time.Time
	dirty    bool // lines since the last sync
	lastSync time.Time
}

func newJournalFiles(dir *own.Dir, now func() time.Time) *journalFiles {
	return &journalFiles{dir: dir, most: mostJournal, now: now, lastSync: now()}
}

// probe finds out if the journal can be written at all.
func (j *journalFiles) probe() error {
	lock, err := j.dir.Lock(journalLock, false)
	if err != nil {
		return err
	}
	defer lock.Close()
	_, err = j.newest()
	return err
}

// write appends whole lines. Each begins on a line of its own: an earlier write may have ended within a line, when the
// disk was full or the machine stopped.
func (j *journalFiles) write(lines [][]byte) error {
	for len(lines) > 0 {
		n, size := 0, 0
		for n < len(lines) && (n == 0 || size+len(lines[n]) <= mostAtOnce) {
			size += len(lines[n])
			n++
		}
		if err := j.append(lines[:n], size); err != nil {
			return err
		}
		lines = lines[n:]
	}
	if j.now().Sub(j.lastSync) >= syncInterval {
		return j.sync()
	}
	return nil
}

func (j *journalFiles) append(lines [][]byte, size int) error {
	lock, err := j.dir.Lock(journalLock, false)
	if err != nil {
		return err
	}
	defer lock.Close()
	at, err := j.newest()
	if err != nil {
		return err
	}
	if at > 0 && at+int64(size) > j.most {
		if at, err = j.rotate(); err != nil {
			return err
		}
	}
	text := make([]byte, 0, size+1)
	if whole, err := j.endsWhole(at); err != nil {
		return err
	} else if !whole {
		text = append(text, '\n')
	}
	for _, l := range lines {
		text = append(text, l...)
	}
	j.dirty = true
	_, err = j.file.Write(text) // an error also for a short write
	return err
}

// newest opens the newest file, and returns its size.
func (j *journalFiles) newest() (int64, error) {
	if j.file != nil && !j.dir.Is(journalName, j.file) {
		if err := errors.Join(j.sync(), j.file.Close()); err != nil {
			return 0, err
		}
		j.file = nil
	}
	if j.file == nil {
		f, err := j.dir.Open(journalName, os.O_RDWR|os.O_APPEND)
		if errors.Is(err, os.ErrNotExist) {
			if f, err = j.dir.Open(journalName, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL); err == nil {
				err = j.dir.Sync() // a file that has no name after a crash is lost
			}
		}
		if err != nil {
			return 0, err
		}
		j.file = f
	}
	info, err := j.file.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// rotate begins a new file. Each step is one rename: after a crash between two of them a number is missing, but no line
// is.
func (j *journalFiles) rotate() (int64, error) {
	for i := oldJournals; i > 0; i-- {
		from := journalName
		if i > 1 {
			from = oldJournal(i - 1)
		}
		if err := j.dir.Rename(from, oldJournal(i)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, err
		}
	}
	return j.newest()
}

func oldJournal(i int) string { return fmt.Sprintf("%s.%d", journalName, i) }

// endsWhole is true if the file's first at bytes end with a line.
func (j *journalFiles) endsWhole(at int64) (bool, error) {
	if at == 0 {
		return true, nil
	}
	var last [1]byte
	if _, err := j.file.ReadAt(last[:], at-1); err != nil {
		return false, err
	}
	return last[0] == '\n', nil
}

// sync waits until the disk has all lines (man 2 fsync). A device that cannot sync is no error (EINVAL).
func (j *journalFiles) sync() error {
	if !j.dirty || j.file == nil {
		return nil
	}
	if err := j.file.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	j.dirty, j.lastSync = false, j.now()
	return nil
}

func (j *journalFiles) close() error {
	err := j.sync()
	if j.file != nil {
		err = errors.Join(err, j.file.Close())
	}
	return errors.Join(err, j.dir.Close())
}
