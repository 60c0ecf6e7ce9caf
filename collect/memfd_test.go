package collect

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// workMapFD maps a file of another process, read-only. It keeps no descriptor of the file.
func workMapFD(j *kerneltest.Job) {
	pid, err := strconv.Atoi(j.Args[0])
	j.Check(err)
	fd, err := strconv.Atoi(j.Args[1])
	j.Check(err)
	pidfd, err := unix.PidfdOpen(pid, 0)
	j.Check(err)
	own, err := unix.PidfdGetfd(pidfd, fd, 0)
	j.Check(err)
	keepMapped(j, own, unix.MAP_SHARED)
}

// keepMapped maps a page of a file read-only, closes the descriptor, and keeps the mapping until the worker may end.
func keepMapped(j *kerneltest.Job, fd, flags int) {
	_, err := unix.Mmap(fd, 0, 4096, unix.PROT_READ, flags)
	j.Check(err)
	j.Check(unix.Close(fd))
	j.Ready()
	j.Wait()
}

// mapped returns the cells of one file.
func (s *sysvScene) mapped(kind schema.Kind, fd int) (string, cells) {
	s.Helper()
	var st unix.Stat_t
	s.check(unix.Fstat(fd, &st))
	ref := kinds.FileRef(kind, proc.FileID{Dev: st.Dev, Ino: st.Ino}).String()
	rows, _ := s.lookAt(kind, ^schema.Need(0))
	return ref, rows[ref]
}

func TestMemfd(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		fd := s.opened(unix.MemfdCreate("ring buffer", unix.MFD_CLOEXEC))
		s.check(unix.Ftruncate(fd, 2*4096))
		data, err := mapShared(fd, 4096, unix.PROT_READ|unix.PROT_WRITE)
		s.check(err)
		data[0] = 1
		defer unix.Munmap(data)
		w := kerneltest.Start(t, "map-fd", fmt.Sprint(os.Getpid()), fmt.Sprint(fd))
		ref, got := s.mapped(schema.Memfd, fd)
		want := s.posixCells(fd, "ring buffer", cells{
			"type": schema.String("memfd"), "size": schema.Bytes(8192), "allocated": schema.Bytes(4096),
			"waiters": holders(),
			"holders": holders(s.mapsIt(os.Getpid(), 1, fd, "rw"), s.mapsIt(w.PID, 1, -1, "r")),
		})
		s.equal("memfd", want, got)
		_, edges := s.lookAt(schema.Memfd, ^schema.Need(0))
		for _, edge := range []string{
			fmt.Sprintf("proc:%d maps %s 1 mapping observed", w.PID, ref),
			fmt.Sprintf("proc:%d maps %s 1 mapping observed", os.Getpid(), ref),
			fmt.Sprintf("proc:%d holds %s fd %d observed", os.Getpid(), ref, fd),
		} {
			if !slices.Contains(edges, edge) {
				t.Errorf("no edge %q in %q", edge, edges)
			}
		}
	})
}

// memfds are on the same device as System V segments, but have their own inode numbers. So a memfd may have the number
// of a segment.
func TestMemfdWithTheNumberOfASegment(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		fd := s.opened(unix.MemfdCreate("SYSV00000000", unix.MFD_CLOEXEC))
		s.check(unix.Ftruncate(fd, 4096))
		data, err := mapShared(fd, 4096, unix.PROT_READ)
		s.check(err)
		defer unix.Munmap(data)
		s.check(os.WriteFile("/proc/sys/kernel/shm_next_id", []byte(fmt.Sprint(s.inode(fd))), 0o644))
		id := s.id(s.admin.ShmGet(sysv.KeyPrivate, 4096, createIPC|0o600))
		if uint64(id) != s.inode(fd) {
			t.Fatalf("the segment has id %d, the memfd inode %d", id, s.inode(fd))
		}
		w := kerneltest.Start(t, "attach", fmt.Sprint(id))
		segments, _ := s.look(schema.Shm, ^schema.Need(0))
		s.equal("the segment's holders", holders(s.holder(w.PID, 1)), segments[fmt.Sprint("shm:", id)]["holders"])
		_, memfd := s.mapped(schema.Memfd, fd)
		s.equal("the memfd's holders", holders(s.mapsIt(os.Getpid(), 1, fd, "r")), memfd["holders"])
		s.equal("its name", schema.String("SYSV00000000"), memfd["name"])
	})
}

// workShareAnonymous maps memory without a name that belongs to another process.
func workShareAnonymous(j *kerneltest.Job) {
	// MAP_ANONYMOUS memory is shared only with a forked child, and Go cannot fork. A mapping of /dev/zero makes the
	// same sort of file (shmem_zero_setup, mm/shmem.c). Another process opens it by its map_files link.
	fd, err := unix.Open(fmt.Sprintf("/proc/%s/map_files/%s", j.Args[0], j.Args[1]), unix.O_RDWR, 0)
	j.Check(err)
	keepMapped(j, fd, unix.MAP_SHARED)
}

func TestSharedAnonymousMemory(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: only who may checkpoint opens map_files, by which this test shares the memory")
	}
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		data, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
		s.check(err)
		defer unix.Munmap(data)
		anonymous := func() map[string]cells {
			rows, _ := s.lookAt(schema.Memfd, ^schema.Need(0))
			maps.DeleteFunc(rows, func(_ string, c cells) bool { return c["type"].Str() != "anonymous" })
			return rows
		}
		if rows := anonymous(); len(rows) != 0 {
			t.Errorf("memory of one process is shown as shared: %v", rows)
		}
		entries, err := os.ReadDir("/proc/self/map_files")
		s.check(err)
		var link string
		for _, e := range entries {
			if to, _ := os.Readlink("/proc/self/map_files/" + e.Name()); to == "/dev/zero (deleted)" {
				link = e.Name()
			}
		}
		w := kerneltest.Start(t, "share-anonymous", fmt.Sprint(os.Getpid()), link)
		rows := anonymous()
		if len(rows) != 1 {
			t.Fatalf("got %v", rows)
		}
		for _, row := range rows {
			s.equal("holders", holders(s.mapsIt(os.Getpid(), 1, -1, "rw"), s.mapsIt(w.PID, 1, -1, "r")), row["holders"])
			s.equal("size", schema.Bytes(4096), row["size"])
		}
	})
}

func TestMappedFile(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newSysVScene(t)
		dir := t.TempDir()
		s.check(unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
		t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
		path := filepath.Join(dir, "an\nindex")
		s.check(os.WriteFile(path, make([]byte, 3*4096), 0o600))
		fd := s.opened(unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0))
		data, err := mapShared(fd, 3*4096, unix.PROT_READ|unix.PROT_WRITE)
		s.check(err)
		defer unix.Munmap(data)
		if _, row := s.mapped(schema.Mmap, fd); row != nil {
			t.Errorf("a file that one process maps is shown: %v", row)
		}
		w := kerneltest.Start(t, "map-fd", fmt.Sprint(os.Getpid()), fmt.Sprint(fd))
		var st unix.Stat_t
		s.check(unix.Fstat(fd, &st))
		want := cells{
			"path": schema.String(path), "inode": schema.Int(int64(st.Ino)),
			"dev":    schema.String(schema.FormatDev(st.Dev)),
			"nprocs": schema.Int(2), "size": schema.Bytes(3 * 4096), "waiters": holders(),
			"holders": holders(s.mapsIt(os.Getpid(), 1, fd, "rw"), s.mapsIt(w.PID, 1, -1, "r")),
		}
		_, got := s.mapped(schema.Mmap, fd)
		s.equal("mapped file", want, got)
		s.check(os.Remove(path))
		want["status"] = schema.String(kinds.StatusDeleted)
		_, got = s.mapped(schema.Mmap, fd)
		s.equal("unlinked", want, got)
	})
}
