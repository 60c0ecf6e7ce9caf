package machine_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel/machine"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

func TestParseLogindConf(t *testing.T) {
	set := func(on bool, line int) machine.LogindConf {
		return machine.LogindConf{RemoveIPC: machine.LogindSetting{On: on, Line: line}}
	}
	for text, want := range map[string]machine.LogindConf{
		"":                                        {},
		"[Login]\nRemoveIPC=no\n":                 set(false, 2),
		"[Login]\n RemoveIPC = YES \r\n":          set(true, 2),
		"[Login]\nRemoveIPC=no\nRemoveIPC=on":     set(true, 3),
		"\ufeff[Login]\nRemoveIPC=0":              set(false, 2),
		"[Login]\nRemoveIPC=\\\nno\n":             set(false, 2),
		"[Login]\nRemoveIPC=\\\n# a remark\nno\n": set(false, 2),
		"[Login]\nRemoveIPC=no\\\\\n":             {},           // the value is "no\\"
		"RemoveIPC=no\n":                          {},           // outside a section
		"[Manager]\nRemoveIPC=no\n":               {},           // in another section
		"[Login]\nremoveipc=no\n":                 {},           // names are case-sensitive
		"[Login]\nRemoveIPC=maybe\n":              {},           // logind warns and goes on
		"[Login]\nRemoveIPC=yes\nRemoveIPC=\n":    set(true, 2), // an empty word is no switch
		"[Login]\nRemoveIPC=no\xff\n":             {},
		"[Login\nRemoveIPC=no\n":                  {Broken: true},
		"[Login]\nRemoveIPC=no\n[X\n[Login]\nRemoveIPC=yes\n": {RemoveIPC: machine.LogindSetting{On: false, Line: 2},
			Broken: true},
		"[Login]\n#RemoveIPC=no\n;RemoveIPC=yes\n": {BuiltIn: machine.LogindSetting{On: false, Line: 2}},
	} {
		if diff := cmp.Diff(want, machine.ParseLogindConf([]byte(text))); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// A last assignment counts after any text, unless logind stopped reading before it.
func FuzzParseLogindConf(f *testing.F) {
	for _, s := range []string{"", "[Login]\nRemoveIPC=yes\n", "[Login]\\\nRemoveIPC=\\\n\\", "# x \\\n[Login",
		"\ufeff[Login]\n;RemoveIPC=1\r\n\xff[]", "[Login]\nRemoveIPC=no\\\\\\\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c := machine.ParseLogindConf(text)
		lines := 1
		for _, b := range text {
			if b == '\n' {
				lines++
			}
		}
		if c.RemoveIPC.Line > lines || c.BuiltIn.Line > lines {
			t.Errorf("%+v of %d lines", c, lines)
		}
		more := machine.ParseLogindConf(append(text[:len(text):len(text)], "\n\n[Login]\nRemoveIPC=no\n"...))
		switch {
		case more.Broken:
			if more.RemoveIPC.On && !c.RemoveIPC.On {
				t.Errorf("%+v became %+v", c, more)
			}
		case more.RemoveIPC.On || more.RemoveIPC.Line != lines+3:
			t.Errorf("%+v, want line %d", more, lines+3)
		}
	})
}

// machineOf is the root of a tree with these files. A text "-> x" is a link to x.
func machineOf(t *testing.T, files map[string]string) sys.Root {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "proc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil && len(text) > 3 && text[:3] == "-> " {
			err = os.Symlink(text[3:], path)
		} else if err == nil {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	host, err := sys.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	return host
}

func TestLogindRemoveIPC(t *testing.T) {
	const yes, no, vendor = "[Login]\nRemoveIPC=yes\n", "[Login]\nRemoveIPC=no\n", "[Login]\n#RemoveIPC=no\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  machine.RemoveIPC
	}{
		"no file": {nil, machine.RemoveIPC{On: true}},
		"a vendor's comment": {map[string]string{"usr/lib/systemd/logind.conf": vendor},
			machine.RemoveIPC{On: false, Vendor: "/usr/lib/systemd/logind.conf"}},
		"only the first main file counts": {map[string]string{"etc/systemd/logind.conf": "[Login]\n",
			"usr/lib/systemd/logind.conf": no},
			machine.RemoveIPC{On: true}},
		"a drop-in comes after the main file": {map[string]string{"etc/systemd/logind.conf": yes,
			"usr/lib/systemd/logind.conf.d/a.conf": no},
			machine.RemoveIPC{On: false, File: "/usr/lib/systemd/logind.conf.d/a.conf", Line: 2}},
		"the later name wins, wherever it lies": {map[string]string{"etc/systemd/logind.conf.d/10-a.conf": yes,
			"usr/lib/systemd/logind.conf.d/20-b.conf": no},
			machine.RemoveIPC{On: false, File: "/usr/lib/systemd/logind.conf.d/20-b.conf", Line: 2}},
		"of one name the one in /etc wins": {map[string]string{"etc/systemd/logind.conf.d/a.conf": no,
			"run/systemd/logind.conf.d/a.conf": yes},
			machine.RemoveIPC{On: false, File: "/etc/systemd/logind.conf.d/a.conf", Line: 2}},
		"/run before /usr": {map[string]string{"run/systemd/logind.conf.d/a.conf": yes,
			"usr/local/lib/systemd/logind.conf.d/a.conf": no, "usr/lib/systemd/logind.conf.d/a.conf": no},
			machine.RemoveIPC{On: true, File: "/run/systemd/logind.conf.d/a.conf", Line: 2}},
		"masked by a link to /dev/null": {map[string]string{"etc/systemd/logind.conf.d/a.conf": "-> /dev/null",
			"usr/lib/systemd/logind.conf.d/a.conf": no},
			machine.RemoveIPC{On: true}},
		"masked by an empty file": {map[string]string{"run/systemd/logind.conf.d/a.conf": "",
			"usr/lib/systemd/logind.conf.d/a.conf": no, "etc/systemd/logind.conf": vendor},
			machine.RemoveIPC{On: false, Vendor: "/etc/systemd/logind.conf"}},
		"other names do not count": {map[string]string{"etc/systemd/logind.conf.d/a.conf.bak": no,
			"etc/systemd/logind.conf.d/.b.conf": no, "etc/systemd/logind.conf.d/c.conf/d": no},
			machine.RemoveIPC{On: true}},
	} {
		got, err := machine.ReadRemoveIPC(machineOf(t, c.files))
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestLogindUsers(t *testing.T) {
	h := machineOf(t, map[string]string{"run/systemd/users/1000": "", "run/systemd/users/1001": "",
		"var/lib/systemd/linger/bob": "", "run/systemd/seats/seat0": "",
		"etc/login.defs": "# SYS_UID_MAX 1\nSYS_UID_MAX\t\t499 \n"})
	got := []machine.UserSession{machine.LogindUser(h, 1000, "ann"), machine.LogindUser(h, 1001, "bob"),
		machine.LogindUser(h, 1002, "../linger/bob"), machine.LogindUser(h, 1003, "")}
	if diff := cmp.Diff([]machine.UserSession{{Known: true}, {Known: true, Linger: true}, {}, {}}, got); diff != "" ||
		!machine.LogindRuns(h) {
		t.Errorf("logind runs %v (-want +got):\n%s", machine.LogindRuns(h), diff)
	}
	if n, err := machine.SystemUIDMax(h); n != 499 || err != nil {
		t.Errorf("SYS_UID_MAX %d, %v", n, err)
	}
	h = machineOf(t, nil)
	if n, err := machine.SystemUIDMax(h); n != 999 || err != nil || machine.LogindRuns(h) {
		t.Errorf("without login.defs: %d, %v; logind runs %v", n, err, machine.LogindRuns(h))
	}
	if n, err := machine.SystemUIDMax(machineOf(t,
		map[string]string{"etc/login.defs": "SYS_UID_MAX many\n"})); n != 999 ||
		err == nil {
		t.Errorf("a bad login.defs: %d, %v", n, err)
	}
}

func TestSysctlNumbers(t *testing.T) {
	h := machineOf(t, map[string]string{"proc/sys/kernel/sem": "32000\t1024000000\t500\t32000\n",
		"proc/sys/kernel/bad": "1 x\n", "proc/sys/kernel/empty": "\n"})
	got, err := machine.SysctlNumbers(h, "kernel.sem")
	if diff := cmp.Diff([]uint64{32000, 1024000000, 500, 32000}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for _, name := range []string{"kernel.bad", "kernel.empty"} {
		if got, err := machine.SysctlNumbers(h, name); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
	if _, err := machine.SysctlNumbers(h, "kernel.none"); !sys.Gone(err) {
		t.Errorf("one that is not there: %v, want %v", err, fs.ErrNotExist)
	}
}

func FuzzParseMemory(f *testing.F) {
	for _, s := range []string{"MemTotal:       24684096 kB\nCommitLimit:  1 kB\nCommitted_AS: 2 kB\n", "MemTotal:",
		"MemTotal: 99999999999999999999 kB\n", "CommitLimit: 3 kB\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := machine.ParseMemory(text)
		if (err == nil) != (m.Total > 0) || err != nil && m != (machine.Memory{}) || m.Total%1024 != 0 {
			t.Errorf("%+v, %v", m, err)
		}
	})
}

func FuzzParseTasks(f *testing.F) {
	for _, s := range []string{"0.20 0.18 0.12 1/80 11206\n", "0 0 0 1/", "", "a b c d/5"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if n, err := machine.ParseTasks(text); err != nil && n != 0 {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// The readers agree with the live machine's files.
func TestMemoryAndTasks(t *testing.T) {
	host := sys.Root("")
	m, err := machine.ReadMemory(host)
	if err != nil || m.Total == 0 || m.Committed == 0 {
		t.Errorf("%+v, %v", m, err)
	}
	pids, err := process.PIDs(host)
	n, tasksErr := machine.Tasks(host)
	if err != nil || tasksErr != nil || n < uint64(len(pids))/2 { // processes end between the two readings
		t.Errorf("%d tasks, %d processes, %v, %v", n, len(pids), err, tasksErr)
	}
}
