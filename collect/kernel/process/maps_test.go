package process

import (
	"errors"
	"os"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
)

// Lines as Linux 6.18 wrote them (proc_pid_maps(5)).
const mapsLines = `55d0e7c1c000-55d0e7c4b000 r--p 00000000 08:01 1572870                    /usr/bin/bash
55d109a2e000-55d109bb2000 rw-p 00000000 00:00 0                          [heap]
7f3b1c000000-7f3b1c001000 rw-s 00000000 00:01 32769                      /SYSV00001234 (deleted)
7f3b1c001000-7f3b1c002000 r--s 00001000 00:1b 4                          /dev/shm/a\012 name
7f3b1c002000-7f3b1c003000 rw-s 00000000 00:01 7                          /dev/zero (deleted)
7f3b1c003000-7f3b1c004000 rw-s 00000000 00:00 0 
7f3b1c004000-7f3b1c005000 r--s 00000000 00:01 0                          /SYSV00000000 (deleted)
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`

func TestParseSharedMaps(t *testing.T) {
	got, err := ParseSharedMaps([]byte(mapsLines))
	want := []Mapping{
		{Start: 0x7f3b1c000000, End: 0x7f3b1c001000, Writable: true, Dev: unix.Mkdev(0, 1), Ino: 32769,
			Name: "/SYSV00001234 (deleted)"},
		{Start: 0x7f3b1c001000, End: 0x7f3b1c002000, Offset: 0x1000, Dev: unix.Mkdev(0, 0x1b), Ino: 4,
			Name: `/dev/shm/a\012 name`},
		{Start: 0x7f3b1c002000, End: 0x7f3b1c003000, Writable: true, Dev: unix.Mkdev(0, 1), Ino: 7,
			Name: "/dev/zero (deleted)"},
		{Start: 0x7f3b1c004000, End: 0x7f3b1c005000, Dev: unix.Mkdev(0, 1), Name: "/SYSV00000000 (deleted)"},
	}
	if diff := gocmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestParseSharedMapsCutOff(t *testing.T) {
	for _, last := range []string{"7f3b1c000000", "7f3b1c000000-7f3b1c001000 rw-s", "x-y rw-s 0 00:01 5 /a\n",
		"1-2 rw-s 0 00 5 /a\n", "1-2 rw-s 0 00:01 x /a\n", "1-2 rw 0 00:01 5 /a\n",
		"1-2 rw-s 0 100000000:01 5 /a\n", "\n"} {
		got, err := ParseSharedMaps([]byte(mapsLines + last))
		if len(got) != 4 || !errors.Is(err, scan.ErrShort) {
			t.Errorf("%q: %d rows, %v", last, len(got), err)
		}
	}
}

// PROCMAP_QUERY and the text of maps give the same.
func TestSharedMapsBothWays(t *testing.T) {
	name := t.TempDir() + "/a mapped file"
	if err := os.WriteFile(name, make([]byte, 3*os.Getpagesize()), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	data, err := unix.Mmap(int(file.Fd()), 0, 3*os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(data)
	// The middle page becomes a separate mapping.
	if err := unix.Mprotect(data[os.Getpagesize():2*os.Getpagesize()], unix.PROT_READ); err != nil {
		t.Fatal(err)
	}
	dir := selfDir(t)
	ours := func(all []Mapping, err error) []Mapping {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(all, func(m Mapping) bool { return m.Name != name })
	}
	asked := ours(dir.SharedMaps(nil))
	dir.live = false // read the text
	read := ours(dir.SharedMaps(nil))
	if diff := gocmp.Diff(read, asked); diff != "" || len(read) != 3 {
		t.Errorf("%d mappings, want 3; the text and the query differ:\n%s", len(read), diff)
	}
}

func FuzzParseSharedMaps(f *testing.F) {
	f.Add([]byte(mapsLines))
	f.Add([]byte("1-2 rw-s 0 00:01 5 /a"))
	f.Fuzz(func(t *testing.T, text []byte) {
		maps, err := ParseSharedMaps(text)
		for _, m := range maps {
			if m.Dev == 0 && m.Ino == 0 {
				t.Errorf("a mapping of no file: %+v", m)
			}
		}
		if again, againErr := ParseSharedMaps(text); len(again) != len(maps) || !errors.Is(againErr, err) {
			t.Errorf("%d rows, %v; then %d rows, %v", len(maps), err, len(again), againErr)
		}
	})
}
