package collect

import (
	"fmt"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
)

// openPty makes a pseudoterminal, and returns its master and index.
func (s *scene) openPty(multiplexer string) (master, index int) {
	s.Helper()
	master = s.keep(unix.Open(multiplexer, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0))
	s.check(unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0))
	index, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	s.check(err)
	return master, index
}

// ptyCells are the cells of a terminal on that devpts.
func (s *scene) ptyCells(devpts string, index int, masters, slaves []schema.Endpoint, more cells) cells {
	var st unix.Stat_t
	s.check(unix.Stat(devpts, &st))
	c := cells{"tty": schema.String("pts/" + strconv.Itoa(index)), "dev": schema.String(schema.FormatDev(st.Dev)),
		"masters": ends(masters...), "slaves": ends(slaves...),
		"holders": ends(append(append([]schema.Endpoint(nil), masters...), slaves...)...), "waiters": ends()}
	for id, v := range more {
		c[id] = v
	}
	return c
}

func (s *scene) end(side string, e schema.Endpoint, ref string) string {
	return edge(procRef(e), "holds", ref, fmt.Sprintf("%s fd %d", side, e.FD))
}

func TestPtys(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		master, index := s.openPty("/dev/ptmx")
		path := "/dev/pts/" + strconv.Itoa(index)
		slave := s.keep(unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0))
		cat := s.give(slave)
		reader := s.sleeps(slave, "read", func() { unix.Read(slave, make([]byte, 80)) })
		t.Cleanup(func() { unix.Write(master, []byte("a line\n")) })
		ref := "pty:" + strconv.Itoa(index)
		s.compareThese(schema.Pty, map[string]cells{ref: s.ptyCells("/dev/pts", index, []schema.Endpoint{s.at(master)},
			[]schema.Endpoint{s.at(slave), cat},
			cells{"path": schema.String(path), "waiters": ends(reader)})},
			[]string{s.end("master", s.at(master), ref), s.end("slave", s.at(slave), ref), s.end("slave", cat, ref),
				edge(procRef(reader), "waits_on", ref, "read fd "+strconv.Itoa(slave))})
	})
}

func TestPtysWithOneEnd(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		lonely, index := s.openPty("/dev/ptmx")
		ref := "pty:" + strconv.Itoa(index)
		// In its own pid namespace the test cannot know who has the slave. The kernel shows it after the last close.
		s.compareThese(schema.Pty,
			map[string]cells{ref: s.ptyCells("/dev/pts", index, []schema.Endpoint{s.at(lonely)}, nil,
				nil)},
			[]string{s.end("master", s.at(lonely), ref)})
		closed, err := unix.Open("/dev/pts/"+strconv.Itoa(index), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		s.check(err)
		s.check(unix.Close(closed))
		s.compareThese(schema.Pty,
			map[string]cells{ref: s.ptyCells("/dev/pts", index, []schema.Endpoint{s.at(lonely)}, nil,
				cells{"status": schema.String("no-slave")})},
			[]string{s.end("master", s.at(lonely), ref)})

		master, index := s.openPty("/dev/ptmx")
		path := "/dev/pts/" + strconv.Itoa(index)
		slave := s.keep(unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0))
		s.check(unix.Close(master))
		ref = "pty:" + strconv.Itoa(index)
		s.compareThese(schema.Pty,
			map[string]cells{ref: s.ptyCells("/dev/pts", index, nil, []schema.Endpoint{s.at(slave)},
				cells{"status": schema.String("no-master"), "path": schema.String(path + " (deleted)")})},
			[]string{s.end("slave", s.at(slave), ref)})
		// The descriptor is closed at the end of the test. Its number may belong to another file by then.
		s.check(unix.Dup3(slave, master, unix.O_CLOEXEC))
	})
}

// Two devpts, as in containers, have terminals with the same number. They are two terminals.
func TestPtysOfAnotherDevpts(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		s := newScene(t)
		s.check(unix.Mkdir("/dev/shm/pts", 0o755))
		s.check(unix.Mount("devpts", "/dev/shm/pts", "devpts", 0, "newinstance,ptmxmode=0666"))
		master, index := s.openPty("/dev/shm/pts/ptmx")
		path := "/dev/shm/pts/" + strconv.Itoa(index)
		slave := s.keep(unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0))
		var st unix.Stat_t
		s.check(unix.Stat("/dev/shm/pts", &st))
		ref := "pty:" + strconv.Itoa(index) + "@" + schema.FormatDev(st.Dev)
		s.compareThese(schema.Pty,
			map[string]cells{ref: s.ptyCells("/dev/shm/pts", index, []schema.Endpoint{s.at(master)},
				[]schema.Endpoint{s.at(slave)}, cells{"path": schema.String(path)})},
			[]string{s.end("master", s.at(master), ref), s.end("slave", s.at(slave), ref)})
	})
}
