package machine

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// SysctlNumbers reads the numbers of a sysctl in their order. An example of a name: "kernel.sem". fs.ErrNotExist:
// this kernel has no such sysctl.
func SysctlNumbers(root sys.Root, name string) ([]uint64, error) {
	path := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
	data, err := root.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f := scan.Numbers{Rest: bytes.ReplaceAll(bytes.TrimSpace(data), []byte{'\t'}, []byte{' '})}
	var all []uint64
	for f.More() {
		all = append(all, f.Uint64())
	}
	if f.Bad || len(all) == 0 {
		return nil, fmt.Errorf("read %s: %w", path, scan.ErrMalformed)
	}
	return all, nil
}

// Memory is a part of /proc/meminfo, in bytes (proc_meminfo(5)).
type Memory struct {
	Total       uint64 // MemTotal
	CommitLimit uint64 // the most that processes may commit if vm.overcommit_memory is 2
	Committed   uint64 // Committed_AS: memory that processes have committed
	HugePage    uint64 // Hugepagesize, the size of the huge pages that the next count tells of; 0: the kernel has none
	// HugeReserved is HugePages_Rsvd: huge pages that somebody was promised and has not touched yet. It is a number of
	// pages.
	HugeReserved uint64
}

// ReadMemory reads /proc/meminfo.
func ReadMemory(root sys.Root) (Memory, error) {
	const path = "/proc/meminfo"
	text, err := root.ReadFile(path)
	if err != nil {
		return Memory{}, err
	}
	m, err := ParseMemory(text)
	if err != nil {
		return Memory{}, fmt.Errorf("read %s: %w", path, err)
	}
	return m, nil
}

// ParseMemory reads lines "Name: 123 kB". kB are 1024 bytes. Only MemTotal must be there.
func ParseMemory(text []byte) (Memory, error) {
	var m Memory
	for line := range bytes.Lines(text) {
		name, rest, _ := bytes.Cut(line, []byte{':'})
		var into *uint64
		switch string(name) {
		case "MemTotal":
			into = &m.Total
		case "CommitLimit":
			into = &m.CommitLimit
		case "Committed_AS":
			into = &m.Committed
		case "Hugepagesize":
			into = &m.HugePage
		case "HugePages_Rsvd":
			f := scan.Fields{Rest: rest}
			if m.HugeReserved = f.Uint(); f.Bad {
				return Memory{}, scan.ErrMalformed
			}
			continue
		default:
			continue
		}
		f := scan.Fields{Rest: rest}
		kB := f.Uint()
		if f.Bad || kB > 1<<53 {
			return Memory{}, scan.ErrMalformed
		}
		*into = kB << 10
	}
	if m.Total == 0 {
		return Memory{}, scan.ErrMalformed
	}
	return m, nil
}

// Tasks is the number of threads on the machine, in all pid namespaces: the number after the slash in /proc/loadavg
// (proc_loadavg(5)).
func Tasks(root sys.Root) (uint64, error) {
	const path = "/proc/loadavg"
	text, err := root.ReadFile(path)
	if err != nil {
		return 0, err
	}
	n, err := ParseTasks(text)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return n, nil
}

// ParseTasks reads /proc/loadavg: "0.20 0.18 0.12 1/80 11206".
func ParseTasks(text []byte) (uint64, error) {
	f := scan.Fields{Rest: text}
	f.Skip(3)
	_, total, ok := bytes.Cut(f.Next(), []byte{'/'})
	n := scan.Fields{Rest: total}
	tasks := n.Uint()
	if f.Bad || !ok || n.Bad {
		return 0, scan.ErrMalformed
	}
	return tasks, nil
}
