package actions

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/own"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// outcomesOf lists the deeds of the journal as "ref outcome".
func (m *machine) outcomesOf() (deeds []string, broken int) {
	m.t.Helper()
	log, err := m.journal.Read()
	m.ok(err)
	for _, d := range log.Deeds {
		deeds = append(deeds, fmt.Sprintf("%s %s", d.Ref, d.Outcome))
	}
	return deeds, log.Broken
}

func TestReadingJoinsIntentAndResult(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		if log, err := m.journal.Read(); err != nil || len(log.Deeds) > 0 {
			t.Errorf("without a journal: %+v, %v", log, err)
		}
		a, b := m.shm(0x11, 4096), m.msg(0x12)
		p := m.removal(a, b)
		m.ok(m.admin.MsgSend(int(b.ID), 1, []byte("x"), 0))
		m.run(p)
		log, err := m.journal.Read()
		m.ok(err)
		want := []string{a.String() + " done removed", b.String() + " refused changed since it was shown"}
		var got []string
		for _, d := range log.Deeds {
			got = append(got, d.Ref+" "+string(d.Outcome)+" "+strings.SplitN(d.Says, ":", 2)[0])
			if d.PlanID == "" || d.PlanID != log.Deeds[0].PlanID || d.Ended == nil || d.Title() != p.Title ||
				d.Who() != ownName()+" (sudo: carol)" {
				t.Errorf("%+v", d)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		log.Choose(LogFilter{Ref: "msg", User: "carol", Outcome: Refused, Since: time.Now().Add(-time.Hour)})
		if len(log.Deeds) != 1 || log.Deeds[0].Ref != b.String() {
			t.Errorf("chosen: %+v", log.Deeds)
		}
	})
}

// On a full disk nothing is done. The half line that it leaves swallows no later line.
func TestAFullDiskSwallowsNoLine(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		m.saving.Off = true
		dir := filepath.Dir(m.journalPath())
		m.ok(os.Mkdir(dir, 0o700))
		m.ok(syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24k,mode=0700"))
		defer syscall.Unmount(dir, syscall.MNT_DETACH)
		a := m.shm(0x11, 4096)
		m.run(m.removal(a)) // makes the journal
		b := m.shm(0x12, 4096)
		p := m.removal(b)
		info, err := os.Stat(m.journalPath())
		m.ok(err)
		// What is left of the journal's page takes a part of the next line. Blank lines are no entries.
		page := int64(os.Getpagesize())
		blank := 2*page - 100 - info.Size()%page
		text := strings.Repeat("\n", int(blank%page))
		f, err := os.OpenFile(m.journalPath(), os.O_WRONLY|os.O_APPEND, 0)
		m.ok(err)
		_, err = f.WriteString(text)
		m.ok(errors.Join(err, f.Close()))
		fill := filepath.Join(dir, "fill")
		f, err = os.Create(fill)
		m.ok(err)
		for err == nil {
			_, err = f.Write(make([]byte, 1024))
		}
		m.ok(f.Close())
		err = p.Run(context.Background(), func(r Result) { t.Errorf("on a full disk: %v", r) })
		if err == nil || !strings.HasPrefix(err.Error(), "nothing was done") {
			t.Error(err)
		}
		cut, err := os.ReadFile(m.journalPath())
		m.ok(err)
		if strings.HasSuffix(string(cut), "\n") {
			t.Error("the full disk has cut off no line")
		}
		if _, err := m.host.ShmStat(int(b.ID)); err != nil {
			t.Errorf("removed without a record: %v", err)
		}
		m.ok(os.Remove(fill))
		m.run(m.removal(b))
		got, broken := m.outcomesOf()
		if diff := cmp.Diff([]string{a.String() + " done", b.String() + " done"}, got); diff != "" || broken != 1 {
			t.Errorf("%d broken lines, %s", broken, diff)
		}
	})
}

// Deeds whose results were never written are unknown. If not even all intents were, nothing was done.
func TestDeedsWithoutAResult(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		m := live(t)
		a, b := m.shm(0x11, 4096), m.shm(0x12, 4096)
		m.run(m.removal(a, b))
		text, err := os.ReadFile(m.journalPath())
		m.ok(err)
		lines := strings.SplitAfter(string(text), "\n")
		for _, c := range []struct {
			lines int
			want  []string
		}{
			{3, []string{a.String() + " done", b.String() + " unknown"}},
			{2, []string{a.String() + " unknown", b.String() + " unknown"}},
			{1, []string{a.String() + " refused"}},
		} {
			m.ok(os.WriteFile(m.journalPath(), []byte(strings.Join(lines[:c.lines], "")), 0o600))
			got, _ := m.outcomesOf()
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%d lines: %s", c.lines, diff)
			}
		}
	})
}

// Writers that rotate the files at the same time lose no line, and mix none.
func TestManyWritersRotate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ipctop")
	const writers, each, size = 4, 60, 200
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			dir, err := own.OpenDir(path, true)
			if err != nil {
				t.Error(err)
				return
			}
			files := newJournalFiles(dir, time.Now)
			files.most = writers * each * size / oldJournals
			defer files.close()
			for i := range each {
				l := line{Event: "done", Ref: fmt.Sprintf("shm:%d.%d", w, i), Time: time.Now().Format(time.RFC3339Nano)}
				l.Says = strings.Repeat("x", size-100)
				text, err := l.encode()
				if err == nil {
					err = files.write([][]byte{text})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	j := &Journal{path: func() (string, error) { return filepath.Join(path, journalName), nil }}
	log, err := j.Read()
	if err != nil || log.Broken > 0 {
		t.Fatalf("%d broken, %v", log.Broken, err)
	}
	next := make([]int, writers)
	lost := 0
	for _, d := range log.Deeds {
		var w, i int
		if _, err := fmt.Sscanf(d.Ref, "shm:%d.%d", &w, &i); err != nil {
			t.Fatal(err)
		}
		lost += i - next[w]
		next[w] = i + 1
	}
	names, err := os.ReadDir(path)
	if err != nil || len(names) < 4 || len(names) > oldJournals+2 {
		t.Errorf("files %v, %v", names, err)
	}
	for w := range next {
		if next[w] != each {
			t.Errorf("writer %d: its last lines are lost", w)
		}
	}
	t.Log(len(log.Deeds), "lines,", lost, "in files that are gone")
}

// The journal is written only where no other user can reach it.
func TestAJournalInOthersReach(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		for name, spoil := range map[string]func(path string) error{
			"a second link": func(path string) error {
				return os.Link(path, path+".other")
			},
			"rights for others": func(path string) error { return os.Chmod(path, 0o640) },
			"a directory that others may write": func(path string) error {
				return os.Chmod(filepath.Dir(path), 0o777)
			},
			"a directory behind a link": func(path string) error {
				dir := filepath.Dir(path)
				if err := os.Rename(dir, dir+".real"); err != nil {
					return err
				}
				return os.Symlink(dir+".real", dir)
			},
			"a FIFO": func(path string) error {
				if err := os.Remove(path); err != nil {
					return err
				}
				return syscall.Mkfifo(path, 0o600)
			},
		} {
			m := live(t)
			m.run(m.removal(m.shm(sysv.KeyPrivate, 1)))
			m.ok(spoil(m.journalPath()))
			r := m.shm(sysv.KeyPrivate, 1)
			if err := m.removal(r).Run(context.Background(),
				func(r Result) { t.Errorf("with %s: %v", name, r) }); err == nil {
				t.Errorf("with %s: no error", name)
			}
			if _, err := m.host.ShmStat(int(r.ID)); err != nil {
				t.Errorf("with %s the segment is gone: %v", name, err)
			}
			if log, err := m.journal.Read(); err == nil {
				t.Errorf("with %s it was read: %+v", name, log)
			}
		}
	})
}

func TestSyslogText(t *testing.T) {
	l := line{Event: "done", Ref: "pshm:/a b\x1b[31m\n<13>x", Says: "removed", PlanID: "20261130T1-7",
		origin: origin{User: "root", SudoUser: "eve\nroot"}}
	want := `outcome=done ref="pshm:/a b\x1b[31m\n<13>x" user=root uid=0 sudo_user="eve\nroot" plan_id=20261130T1-7 ` +
		`says=removed same_as=""`
	if got := syslogText(&l); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// The system's log gets the results. If nobody reads there, the deed is done and the reason is said once.
func TestSyslog(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		if os.Getuid() != 0 {
			t.Skip("needs root, to make /dev/log")
		}
		m := live(t)
		m.ok(syscall.Mount("tmpfs", "/dev", "tmpfs", 0, "mode=0755"))
		var warned []string
		m.journal = m.journal.WithSyslog(func(err error) { warned = append(warned, err.Error()) })
		m.run(m.removal(m.shm(sysv.KeyPrivate, 1), m.shm(sysv.KeyPrivate, 1)))
		want := []string{"the system's log did not get what was done: write to /dev/log: no such file or directory"}
		if diff := cmp.Diff(want, warned); diff != "" {
			t.Error(diff)
		}
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
		m.ok(err)
		defer syscall.Close(fd)
		m.ok(syscall.Bind(fd, &syscall.SockaddrUnix{Name: "/dev/log"}))
		r := m.shm(sysv.KeyPrivate, 1)
		m.run(m.removal(r))
		buf := make([]byte, 4096)
		n, _, err := syscall.Recvfrom(fd, buf, 0)
		m.ok(err)
		got := string(buf[:n])
		if !strings.HasPrefix(got, "<13>") || !strings.Contains(got, fmt.Sprintf(" ipctop[%d]: outcome=done ref=%s ",
			os.Getpid(), r)) || len(warned) != 1 {
			t.Errorf("%q, %v", got, warned)
		}
	})
}
