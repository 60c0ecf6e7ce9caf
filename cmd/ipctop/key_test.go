package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/schema"
)

// keyOf gives the key that glibc's ftok makes from a file (sysvipc/ftok.c).
func keyOf(t *testing.T, path string, proj byte) (key uint32, st unix.Stat_t) {
	t.Helper()
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return uint32(st.Ino&0xffff) | uint32(st.Dev&0xff)<<16 | uint32(proj)<<24, st
}

func TestKeyOfAPath(t *testing.T) {
	onScene(t, func(s *scene) {
		path := t.TempDir() + "/app.conf"
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		line := func(key uint32, st unix.Stat_t, proj, objects string) string {
			return fmt.Sprintf("0x%08x  %s, project id %s, device %s, inode %d\n%s\n", key, path, proj,
				schema.FormatDev(st.Dev), st.Ino, objects)
		}
		key, st := keyOf(t, path, 'f')
		id := s.shm(key)
		for _, c := range []struct {
			args               []string
			proj               byte
			says, objs, stderr string
		}{
			{[]string{"f"}, 'f', "0x66 'f'", fmt.Sprintf("it is the key of shm:%d", id), ""},
			{[]string{"102"}, 'f', "0x66 'f'", fmt.Sprintf("it is the key of shm:%d", id), ""},
			{[]string{"0x66"}, 'f', "0x66 'f'", fmt.Sprintf("it is the key of shm:%d", id), ""},
			{nil, 1, "0x01", "no object has this key now", ""},
			{[]string{"1"}, 1, "0x01", "no object has this key now", ""},
			{[]string{"'1'"}, '1', "0x31 '1'", "no object has this key now", ""},
			{[]string{"0"}, 0, "0x00", "no object has this key now",
				"ipctop: note: the low 8 bits of 0 are 0: POSIX leaves open what ftok does then; " +
					"this is what glibc makes\n"},
			{[]string{"--", "-154"}, 'f', "0x66 'f'", fmt.Sprintf("it is the key of shm:%d", id),
				"ipctop: note: of -154 only the low 8 bits count: 102\n"},
			{[]string{"358"}, 'f', "0x66 'f'", fmt.Sprintf("it is the key of shm:%d", id),
				"ipctop: note: of 358 only the low 8 bits count: 102\n"},
		} {
			made, st := keyOf(t, path, c.proj)
			want := commandOutput{0, line(made, st, c.says, c.objs), c.stderr}
			if diff := cmp.Diff(want, ipctop(append([]string{"key", path}, c.args...)...)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", c.args, diff)
			}
		}
		want := madeKey{1, fmt.Sprintf("0x%08x", key), path, project{'f', "f"}, schema.FormatDev(st.Dev), st.Ino,
			[]string{fmt.Sprintf("shm:%d", id)}}
		var got madeKey
		if err := json.Unmarshal([]byte(ipctop("key", "-o", "json", path, "f").Stdout), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("JSON (-want +got):\n%s", diff)
		}
	})
}

func TestKeyMistakes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct {
		args []string
		want commandOutput
	}{
		{nil, commandOutput{exitUsage, "",
			"ipctop: key takes a PATH and a PROJ, or a key such as 0x6602b303: see ipctop key --help\n"}},
		{[]string{dir, "fg"}, commandOutput{exitUsage, "",
			"ipctop: \"fg\" is no project id: say a number from 1 to 255 or a character\n"}},
		{[]string{dir, "-o", "jsn"}, commandOutput{exitUsage, "", "ipctop: unknown output \"jsn\": " +
			"did you mean json?\n"}},
		{[]string{"0x123456789"}, commandOutput{exitUsage, "",
			"ipctop: a System V key has 32 bits, 0x123456789 does not fit\n"}},
		{[]string{"0x0"}, commandOutput{exitUsage, "", "ipctop: key 0 is IPC_PRIVATE, which no file gives\n"}},
		{[]string{dir + "/none"}, commandOutput{exitFailed, "",
			"ipctop: stat " + dir + "/none: no such file or directory\n"}},
		{[]string{"1711452931"}, commandOutput{exitFailed, "",
			"ipctop: stat 1711452931: no such file or directory: the key 1711452931 is written 0x6602b303\n"}},
	} {
		if diff := cmp.Diff(c.want, ipctop(append([]string{"key"}, c.args...)...)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.args, diff)
		}
	}
}

// openHolder starts a process that has a file open until the test ends. It gives the pid.
func openHolder(t *testing.T, path string) int {
	t.Helper()
	cmd := program(t, "demo", "--no-ui", "shm-private") // any program that keeps running: the test ends it
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd.ExtraFiles = []*os.File{f}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	return cmd.Process.Pid
}

func TestFileOfAKey(t *testing.T) {
	onScene(t, func(s *scene) {
		path := t.TempDir() + "/app\x1b.conf"
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		key, st := keyOf(t, path, 'f')
		pid := openHolder(t, path)
		id := s.shm(key)
		text := fmt.Sprintf("0x%08x", key)

		got := ipctop("key", text)
		lines := strings.Split(got.Stdout, "\n")
		visible := strings.ReplaceAll(path, "\x1b", `\x1b`)
		if want := fmt.Sprintf("%s  project id 0x66 'f', of the device 0x%02x, of the inode 0x%04x", text, byte(st.Dev),
			uint16(st.Ino)); lines[0] != want || got.Code != 0 {
			t.Errorf("exit %d, %q, want %q", got.Code, lines[0], want)
		}
		if want := fmt.Sprintf("it is the key of shm:%d, of ", id); !strings.HasPrefix(lines[1], want) {
			t.Errorf("%q, want %q", lines[1], want)
		}
		if want := fmt.Sprintf("%s  project id 0x66 'f', device %s, inode %d: ", visible, schema.FormatDev(st.Dev),
			st.Ino); !strings.HasPrefix(lines[2], want) ||
			!strings.Contains(lines[2], fmt.Sprintf("open as fd 3 of %d/", pid)) {
			t.Errorf("%q, want %q", lines[2], want)
		}
		if !strings.HasPrefix(lines[3], "looked at ") || !strings.HasPrefix(lines[4],
			"it may be chance: of a device's files one in 65536 gives the key") {
			t.Errorf("%q", lines[3:])
		}

		var doc foundKey
		if err := json.Unmarshal([]byte(ipctop("key", "-o", "json", text).Stdout), &doc); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]any{1, text, project{'f', "f"}, []string{fmt.Sprintf("shm:%d", id)}, path, st.Ino},
			[]any{doc.Version, doc.Key, doc.Project, doc.Objects, doc.Files[0].Path, doc.Files[0].Inode}); diff != "" ||
			doc.Tried < 1 || doc.Processes < 1 {
			t.Errorf("%+v (-want +got):\n%s", doc, diff)
		}

		// No file here has these 24 bits. The project id is not part of them.
		for other := key ^ 0x8000; ; other += 2 {
			none := ipctop("key", fmt.Sprintf("0x%08x", other))
			if none.Code == 0 {
				continue // a file has them by chance
			}
			if none.Code != exitFailed || !strings.Contains(none.Stdout, "none gives this key\n") {
				t.Errorf("%+v", none)
			}
			break
		}
	})
}

// An ordinary user learns whose processes ipctop could not read.
func TestKeyWithoutRights(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: one of the two users has to be somebody else")
	}
	onScene(t, func(s *scene) {
		path := t.TempDir() + "/app.conf"
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		key, _ := keyOf(t, path, 'f')
		openHolder(t, path)
		id := s.shm(key)
		cmd := program(t, "key", fmt.Sprintf("0x%08x", key))
		cmd.Path = "/proc/self/exe" // another user may not search the build directory of go test
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
		cmd.Dir = "/"
		var out bytes.Buffer
		cmd.Stdout = &out
		_ = cmd.Run()
		code, text := cmd.ProcessState.ExitCode(), out.String()
		for _, want := range []string{fmt.Sprintf("it is the key of shm:%d, of root\n", id),
			"looked at 0 files that 0 processes of root know: none gives this key\n",
			"processes of root could not be looked into (permission denied): root sees all\n"} {
			if !strings.Contains(text, want) || code != exitFailed {
				t.Errorf("exit %d, %s\nwant %q", code, text, want)
			}
		}
	})
}
