package demo

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/schema"
)

// mmapShared is an ordinary file that two processes map. So it is shared memory.
func mmapShared() Scenario {
	return Scenario{
		Name: "mmap-shared", Title: "file mapped by two processes",
		LookFor: "demo-mmap and demo-mmap-user map the same file for writing",
		set: func(s *stage) error {
			_, _, err := s.pair("mapped", "mmap", "mmap-user")
			return err
		},
		roles: map[string]func(*role) error{
			"mmap": func(r *role) error {
				path := r.args[0]
				_, err := r.journal.path("file", path,
					func() error { return os.WriteFile(path, make([]byte, memorySize), 0o600) })
				if err != nil {
					return err
				}
				return r.mapPath(path, "this process made the file and maps it")
			},
			"mmap-user": func(r *role) error { return r.mapPath(r.args[0], "this process maps it as well") },
		},
	}
}

func (r *role) mapPath(path, lookFor string) error {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	data, _, err := mapFile(fd)
	if err != nil {
		return err
	}
	data[0] = 'x'
	id, err := r.mappingOf(data)
	if err != nil {
		return err
	}
	r.object(Object{Ref: schema.Ref{Kind: schema.Mmap, Space: id.Dev, ID: id.Ino}, Path: path, LookFor: lookFor})
	r.ready()
	return r.park()
}

// mappingOf finds the mapping of data in /proc/self/maps. On some file systems stat shows another device than maps.
func (r *role) mappingOf(data []byte) (process.Mapping, error) {
	dir, err := r.host.OpenProc(os.Getpid())
	if err != nil {
		return process.Mapping{}, err
	}
	defer dir.Close()
	maps, err := dir.SharedMaps(make([]byte, 64<<10))
	if err != nil {
		return process.Mapping{}, err
	}
	at := uint64(uintptr(unsafe.Pointer(unsafe.SliceData(data))))
	for _, m := range maps {
		if m.Start <= at && at < m.End {
			return m, nil
		}
	}
	return process.Mapping{}, errors.New("the mapping is not in /proc/self/maps")
}
