package demo

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/schema"
)

const memorySize = 64 << 10

// memfdShared is memory without a name that two processes share. Its memfd was passed to both.
func memfdShared() Scenario {
	return Scenario{
		Name: "memfd-shared", Title: "memfd of two processes",
		LookFor: "demo-memfd and demo-memfd-user map the same memory, though no path leads there",
		set: func(s *stage) error {
			fd, err := unix.MemfdCreate("ipctop-demo", unix.MFD_CLOEXEC)
			if err != nil {
				return fmt.Errorf("memfd_create: %w", err)
			}
			file := os.NewFile(uintptr(fd), "memfd")
			defer file.Close()
			if err := unix.Ftruncate(fd, memorySize); err != nil {
				return fmt.Errorf("ftruncate: %w", err)
			}
			for _, role := range []string{"memfd", "memfd-user"} {
				if _, err := s.start(role, nil, file); err != nil {
					return err
				}
			}
			return nil
		},
		roles: map[string]func(*role) error{
			"memfd":      func(r *role) error { return r.mapMemfd("this process maps it and has it open", true) },
			"memfd-user": func(r *role) error { return r.mapMemfd("this process maps it and has closed it", false) },
		},
	}
}

func (r *role) mapMemfd(lookFor string, keep bool) error {
	data, st, err := mapFile(extraFD)
	if err != nil {
		return err
	}
	data[0] = 'x'
	if !keep {
		if err := unix.Close(extraFD); err != nil {
			return err
		}
	}
	r.object(Object{Ref: schema.Ref{Kind: schema.Memfd, Space: st.Dev, ID: st.Ino}, LookFor: lookFor})
	r.ready()
	return r.park()
}

// mapFile maps the first bytes of a file, and returns the file's stat.
func mapFile(fd int) ([]byte, unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, st, fmt.Errorf("stat: %w", err)
	}
	data, err := unix.Mmap(fd, 0, memorySize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, st, fmt.Errorf("mmap: %w", err)
	}
	return data, st, nil
}
