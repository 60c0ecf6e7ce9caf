package demo_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/posix"
	"github.com/ipctop/ipctop/collect/schema"
)

// peerFile lists the users of a pipe, FIFO or piece of memory: by descriptor, and by mapping.
type peerFile struct {
	FDs  []string // "pid/fd mode"
	Maps []string // pids
}

// peerFiles are the files in the output of one tool, by fileKey.
type peerFiles map[string]*peerFile

func (p peerFiles) at(key string) *peerFile {
	if p[key] == nil {
		p[key] = &peerFile{}
	}
	return p[key]
}

// sorted keeps each user once. lsof repeats a process for each of its threads.
func (p peerFiles) sorted() map[string]peerFile {
	all := map[string]peerFile{}
	for key, f := range p {
		slices.Sort(f.FDs)
		slices.Sort(f.Maps)
		all[key] = peerFile{FDs: slices.Compact(f.FDs), Maps: slices.Compact(f.Maps)}
	}
	return all
}

// fileKey names a file by its kind and inode, and by its device if the inode is not enough. It is "" for files that are
// no IPC objects. The tools have no word for the kind of a file, so its name must show the kind. The kernel gives the
// names (man 5 proc_pid_fd, proc_pid_maps).
func fileKey(mqueue uint64, fifo bool, name string, dev uint64, ino string) string {
	switch {
	case fifo && (name == "pipe" || strings.HasPrefix(name, "pipe:[")):
		return "pipe:" + ino
	case fifo:
		return "fifo:" + ino + "@" + schema.FormatDev(dev)
	case dev == mqueue:
		return "pmsg:" + ino
	case strings.HasPrefix(name, "/SYSV"):
		return "shm:" + ino
	case strings.HasPrefix(name, "/memfd:"):
		return "memfd:" + ino
	case strings.HasPrefix(name, "/dev/shm/sem."):
		return "psem:" + ino
	case strings.HasPrefix(name, "/dev/shm/"):
		return "pshm:" + ino
	}
	return ""
}

// lsofFiles parses lsof -F. Each line is a field, and its first byte names the field. A mapping is "mem", or "DEL" if
// the name is gone. For memfds and System V segments it is always "DEL".
func lsofFiles(t *testing.T, lsof string, mqueue uint64) map[string]peerFile {
	t.Helper()
	all := peerFiles{}
	// -w: no warnings; -n -P: no names of hosts and ports; -O: no child with pipes as a guard against hanging file
	// systems, because lsof would list those pipes as well.
	text, self := run(t, lsof, "-w", "-n", "-P", "-O", "-F", "pfatDin")
	field := map[byte]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch line[0] {
		case 'p':
			field = map[byte]string{'p': line[1:]}
		case 'f':
			field = map[byte]string{'p': field['p']}
		}
		field[line[0]] = line[1:]
		if line[0] != 'n' || field['p'] == strconv.Itoa(self) || field['i'] == "" {
			continue
		}
		dev, _ := strconv.ParseUint(field['D'], 0, 64)
		key := fileKey(mqueue, field['t'] == "FIFO", field['n'], dev, field['i'])
		switch {
		case key == "":
		case field['f'] == "mem" || field['f'] == "DEL":
			all.at(key).Maps = append(all.at(key).Maps, field['p'])
		default:
			mode := strings.Replace(field['a'], "u", "rw", 1)
			all.at(key).FDs = append(all.at(key).FDs, field['p']+"/"+field['f']+" "+mode)
		}
	}
	return all.sorted()
}

// lsfdFiles parses lsfd. ASSOC is the number of a descriptor, or a word such as "shm" for a mapping. lsfd 2.38 leaves
// out mappings of files whose name is gone. So only descriptors are compared.
func lsfdFiles(t *testing.T, lsfd string, mqueue uint64) map[string]peerFile {
	t.Helper()
	all := peerFiles{}
	text, self := run(t, lsfd, "--noheadings", "--raw", "--output", "PID,ASSOC,MODE,TYPE,INODE,MAJ:MIN,NAME")
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 7)
		if len(f) < 7 || f[0] == strconv.Itoa(self) {
			continue
		}
		if _, err := strconv.Atoi(f[1]); err != nil {
			continue
		}
		var major, minor uint32
		if _, err := fmt.Sscanf(f[5], "%d:%d", &major, &minor); err != nil {
			continue // a socket or anonymous inode
		}
		if key := fileKey(mqueue, f[3] == "FIFO", f[6], unix.Mkdev(major, minor), f[4]); key != "" {
			all.at(key).FDs = append(all.at(key).FDs, f[0]+"/"+f[1]+" "+strings.Trim(f[2], "-"))
		}
	}
	return all.sorted()
}

// ourFiles are the files in a snapshot of ipctop. Some are left out, because tools that read processes cannot show
// them: files without users, and memory that no memfd_create made.
func ourFiles(t *testing.T) map[string]peerFile {
	t.Helper()
	all := peerFiles{}
	rows(t, func(o *schema.Object, cell func(string) schema.Value) {
		key := fmt.Sprintf("%s:%d", o.Ref.Kind, cell("inode").Int())
		switch o.Ref.Kind {
		case schema.Shm:
			key = fmt.Sprintf("shm:%d", o.Ref.ID) // the inode number of a segment is its id
		case schema.Fifo:
			key += "@" + cell("dev").Str()
		case schema.Memfd:
			if cell("type").Str() != "memfd" {
				return
			}
		}
		for _, column := range []string{"readers", "writers", "holders"} {
			for _, e := range cell(column).Endpoints() {
				if e.FD >= 0 {
					all.at(key).FDs = append(all.at(key).FDs, fmt.Sprintf("%d/%d %s", e.PID, e.FD, e.Mode))
				}
				if e.Maps > 0 {
					all.at(key).Maps = append(all.at(key).Maps, strconv.Itoa(e.PID))
				}
			}
		}
	}, schema.Pipe, schema.Fifo, schema.Memfd, schema.PShm, schema.PSem, schema.PMsg, schema.Shm)
	return all.sorted()
}

// makeFiles adds objects that the demo does not have. It returns the device of message queues. The objects are:
//
//	FIFOs with the same inode number on two file systems, one open for both directions
//	a memfd with two descriptors of different modes, and with the name of a segment
//	a queue and shared memory with names that look like other kinds
func makeFiles(t *testing.T) (mqueue uint64) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	opened := func(fd int, err error) int {
		t.Helper()
		check(err)
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	inodes := map[uint64]bool{}
	for _, mode := range []int{unix.O_RDWR, unix.O_RDONLY} {
		dir := t.TempDir()
		check(unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
		t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
		path := filepath.Join(dir, "a fifo")
		check(unix.Mkfifo(path, 0o600))
		inodes[kerneltest.Inode(t, opened(unix.Open(path, mode|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)))] = true
	}
	if len(inodes) != 1 {
		t.Fatalf("the FIFOs have inodes %v: want one number", slices.Collect(maps.Keys(inodes)))
	}
	memfd := opened(unix.MemfdCreate("SYSV00001234", unix.MFD_CLOEXEC))
	opened(unix.Open(fmt.Sprintf("/proc/self/fd/%d", memfd), unix.O_RDONLY|unix.O_CLOEXEC, 0))
	a := kernel.NewAdmin()
	opened(a.ShmOpen("/pipe [1] \x1b", unix.O_CREAT|unix.O_RDWR, 0o600))
	check(a.PosixShmRemove("/pipe [1] \x1b")) // open and without a name
	queue := opened(a.MqOpen("/memfd: q", unix.O_CREAT|unix.O_RDONLY, 0o600, &posix.MqAttr{MaxMsg: 2, MsgSize: 8}))
	var st unix.Stat_t
	check(unix.Fstat(queue, &st))
	return st.Dev
}

// lsof sees the same descriptors with the same modes, and the same processes for each mapping. One of them is the
// creator of a semaphore, whose maps show another name.
func TestFilesAgainstLsof(t *testing.T) {
	lsof := tool(t, "lsof", "lsof")
	kerneltest.InNamespace(t, func() {
		start(t)
		mqueue := makeFiles(t)
		agree(t, func() map[string]peerFile { return lsofFiles(t, lsof, mqueue) },
			func() map[string]peerFile { return ourFiles(t) })
	}, unix.CLONE_NEWNET)
}

// lsfd sees the same descriptors with the same modes.
func TestFilesAgainstLsfd(t *testing.T) {
	lsfd := tool(t, "lsfd", "util-linux")
	kerneltest.InNamespace(t, func() {
		start(t)
		mqueue := makeFiles(t)
		descriptors := func() map[string]peerFile {
			all := ourFiles(t)
			maps.DeleteFunc(all, func(_ string, f peerFile) bool { return len(f.FDs) == 0 })
			for key, f := range all {
				f.Maps = nil
				all[key] = f
			}
			return all
		}
		agree(t, func() map[string]peerFile { return lsfdFiles(t, lsfd, mqueue) }, descriptors)
	}, unix.CLONE_NEWNET)
}
