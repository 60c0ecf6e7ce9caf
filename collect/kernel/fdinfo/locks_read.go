package fdinfo

import (
	"bytes"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// locksReads is the most times that Locks reads a file whose locks come and go. Even then a lock that stays can be
// missed: under the heaviest traffic, in about one look of a hundred.
const locksReads = 20

// halfPage is the length of a text that cannot be the first page of several. If the text is longer, and the next read
// gives nothing, the locks that followed it may just have moved up.
const halfPage = 2048

// readLocks reads /proc/locks in pages. The kernel gives a page at each read. Each page is a true picture of whole
// records, but the kernel finds the place of the next page by counting locks (seq_read_iter, fs/seq_file.c). If a lock
// goes meanwhile, the next page skips another one; if a lock comes, one stands in both pages. So more than half a
// page is read again until two reads are equal. Otherwise readLocks returns all pages of all reads, and whole is false.
func readLocks(root sys.Root, path string) (pages [][]byte, whole bool, err error) {
	if !root.Live() {
		text, err := root.ReadFile(path)
		return [][]byte{text}, true, err
	}
	var last []byte
	for i := range locksReads {
		now, err := readPages(path)
		if err != nil {
			return nil, false, err
		}
		text := slices.Concat(now...)
		if len(text) < halfPage || i > 0 && bytes.Equal(text, last) {
			return [][]byte{text}, true, nil
		}
		pages, last = append(pages, now...), text
	}
	return pages, false, nil
}

// readPages reads a whole file, and returns what each read gave.
func readPages(path string) (pages [][]byte, err error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	buf := make([]byte, 64<<10)
	full := false // the last read filled the buffer: its record goes on
	for {
		var n int
		err := sys.RetryEINTR(func() (err error) {
			n, err = unix.Read(fd, buf)
			return err
		})
		switch {
		case err != nil || n == 0:
			return pages, err
		case full:
			pages[len(pages)-1] = append(pages[len(pages)-1], buf[:n]...)
		default:
			pages = append(pages, bytes.Clone(buf[:n]))
		}
		full = n == len(buf)
	}
}

// mergeLocks makes one list of the pages of several reads. A lock in any page was held at that moment. It is in the
// list as often as in the page that has it most often: locks of one page are different locks, those of two pages may be
// the same. Its requests are those of the last page that has it.
func mergeLocks(pages [][]HeldLock) []HeldLock {
	var order []FileLock
	waiters := map[FileLock][][]FileLock{}
	for _, page := range pages {
		here := map[FileLock][][]FileLock{}
		for _, l := range page {
			if waiters[l.FileLock] == nil && here[l.FileLock] == nil {
				order = append(order, l.FileLock)
			}
			here[l.FileLock] = append(here[l.FileLock], l.Waiters)
		}
		for l, now := range here {
			if was := waiters[l]; len(was) > len(now) {
				now = append(now, was[len(now):]...)
			}
			waiters[l] = now
		}
	}
	var all []HeldLock
	for _, l := range order {
		for _, w := range waiters[l] {
			all = append(all, HeldLock{l, w})
		}
	}
	return all
}
