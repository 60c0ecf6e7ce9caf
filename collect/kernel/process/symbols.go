package process

import (
	"cmp"
	"debug/elf"
	"debug/gosym"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Symbols names the functions of a program. A program's file may be hostile: all sizes are bounded.
type Symbols struct {
	loads     []elf.ProgHeader
	functions []elf.Symbol // by address
	lines     *gosym.Table // of a Go program; nil: another one
}

const (
	largestSymbols = 8 << 20  // bytes of .symtab or .dynsym, and of their strings
	largestLines   = 32 << 20 // bytes of .gopclntab
	longestSymbol  = 200
)

var errStrangeProgram = errors.New("not a program with readable symbols")

// Symbols reads the symbols of the process's program. The caller makes sure first that a read of the file cannot hang.
func (p Dir) Symbols() (s *Symbols, err error) {
	fd, err := unix.Openat(p.fd, "exe", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open /proc/%d/exe: %w", p.PID, err)
	}
	f := os.NewFile(uintptr(fd), "exe")
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errStrangeProgram
	}
	return readSymbols(f)
}

// readSymbols reads an ELF file. debug/elf and debug/gosym may panic on a hostile file (their package comments).
func readSymbols(r *os.File) (s *Symbols, err error) {
	defer func() {
		if recover() != nil {
			s, err = nil, errStrangeProgram
		}
	}()
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("read the program's symbols: %w", err)
	}
	s = &Symbols{}
	for _, prog := range f.Progs {
		if prog.Type == elf.PT_LOAD {
			s.loads = append(s.loads, prog.ProgHeader)
		}
	}
	if s.readLines(f) {
		return s, nil
	}
	for _, table := range []struct {
		section elf.SectionType
		read    func() ([]elf.Symbol, error)
	}{{elf.SHT_SYMTAB, f.Symbols}, {elf.SHT_DYNSYM, f.DynamicSymbols}} {
		if !bounded(f, table.section) {
			continue
		}
		if all, err := table.read(); err == nil && len(all) > 0 {
			s.functions = slices.DeleteFunc(all, func(y elf.Symbol) bool {
				return elf.ST_TYPE(y.Info) != elf.STT_FUNC || y.Value == 0 || y.Name == ""
			})
			slices.SortFunc(s.functions, func(a, b elf.Symbol) int { return cmp.Compare(a.Value, b.Value) })
			break
		}
	}
	return s, nil
}

// bounded reports true if the file has one such table, and the table and its strings are not too large.
func bounded(f *elf.File, typ elf.SectionType) bool {
	t := f.SectionByType(typ)
	if t == nil || t.Size > largestSymbols || t.Flags&elf.SHF_COMPRESSED != 0 ||
		int64(t.Link) >= int64(len(f.Sections)) {
		return false
	}
	names := f.Sections[t.Link]
	return names.Size <= largestSymbols && names.Flags&elf.SHF_COMPRESSED == 0
}

// readLines reads the table of a Go program. Also a program without symbols (-ldflags=-s) has it.
func (s *Symbols) readLines(f *elf.File) bool {
	table, text := f.Section(".gopclntab"), f.Section(".text")
	if table == nil || text == nil || table.Size > largestLines || table.Flags&elf.SHF_COMPRESSED != 0 {
		return false
	}
	data, err := table.Data()
	if err != nil {
		return false
	}
	s.lines, err = gosym.NewTable(nil, gosym.NewLineTable(data, text.Addr))
	return err == nil && len(s.lines.Funcs) > 0
}

// Name is the function at an offset of the program's file: "take_lock+0x2f", or "main.take (lock.go:12)" of a Go
// program. It is "" if the symbols do not tell.
func (s *Symbols) Name(offset uint64) (name string) {
	defer func() {
		if recover() != nil { // gosym reads the table on demand
			name = ""
		}
	}()
	at := slices.IndexFunc(s.loads, func(l elf.ProgHeader) bool { return offset >= l.Off && offset-l.Off < l.Filesz })
	if at < 0 {
		return ""
	}
	addr := offset - s.loads[at].Off + s.loads[at].Vaddr
	if s.lines != nil {
		file, line, f := s.lines.PCToLine(addr)
		if f == nil {
			return ""
		}
		return short(f.Name) + " (" + short(path.Base(file)) + ":" + strconv.Itoa(line) + ")"
	}
	i, found := slices.BinarySearchFunc(s.functions, addr,
		func(y elf.Symbol, a uint64) int { return cmp.Compare(y.Value, a) })
	if !found {
		i--
	}
	if i < 0 || addr-s.functions[i].Value >= max(s.functions[i].Size, 1) {
		return ""
	}
	return fmt.Sprintf("%s+0x%x", short(s.functions[i].Name), addr-s.functions[i].Value)
}

func short(name string) string {
	if len(name) > longestSymbol {
		return name[:longestSymbol] + "…"
	}
	return name
}
