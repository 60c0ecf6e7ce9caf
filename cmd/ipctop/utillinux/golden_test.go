package utillinux

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

// The golden files hold the output of util-linux 2.38.1 for the files below testdata/machine. The test needs no
// installed util-linux. If 2.38 is installed, another test compares it with the golden files. With
// IPCTOP_TEST_UPDATE=1 that test writes them.

const (
	goldenFile = "testdata/golden.txtar"
	machine    = "testdata/machine"
)

// goldenLines lists the command lines of the golden files.
func goldenLines() []string {
	lines := []string{"ipcs"}
	for _, mode := range []string{"-t", "-p", "-c", "-l", "--human", "-b", "-l --human", "-l -b", "-q", "-m", "-s",
		"-qs -c"} {
		lines = append(lines, "ipcs "+mode)
	}
	for _, object := range []string{"-q -i 0", "-q -i 32769 --human", "-q -i 98306", "-q -i 2", "-m -i 3",
		"-m -i 65542", "-m --human -i 98311", "-m -i 8", "-s -i 7"} {
		lines = append(lines, "ipcs "+object)
	}
	for _, kind := range []string{"-q", "-m", "-s"} {
		for _, mode := range []string{"", "-J", "-e", "-r", "-b -P", "-t", "-c -y", "-t --time-format=full",
			"-t --time-format=iso -r"} {
			lines = append(lines, strings.TrimSpace("lsipc "+kind+" "+mode))
		}
	}
	for _, line := range []string{
		"", "-g -J -s", "-g -m -n", "-g -q -y", "-b -r", "-m -n", "-m --noheadings",
		"-q -i 0", "-m -i 32773", "-m -i 8 -b", "-m -i 9", "-m -i 99", "-q -i 98306 -J",
		"-q -o id,uid,user,gid,group,cuid,cgid",
	} {
		lines = append(lines, strings.TrimSpace("lsipc "+line))
	}
	return lines
}

// goldenZones lists the values of TZ: UTC, a zone by name, and two rules.
func goldenZones() []string {
	return []string{"UTC", "Europe/Berlin", "<+0330>-3:30", "NZST-12NZDT,M9.5.0,M4.1.0/3"}
}

func (r result) golden() []byte {
	return fmt.Appendf(nil, "%sstderr %q, code %d\n", r.Stdout, r.Stderr, r.Code)
}

// onMachine runs a face on the files of the fixture.
func onMachine(t *testing.T, argv ...string) result {
	t.Helper()
	host := must(kernel.Open(machine))(t)
	var stdout, stderr bytes.Buffer
	s := newSession(Process{Stdout: &stdout, Stderr: &stderr, Getenv: os.Getenv, Version: testVersion,
		Changes: direct}, argv, host)
	face, _ := faceNamed(argv[0])
	code := s.finish(face.run(s))
	return result{stdout.String(), stderr.String(), code}
}

func TestGolden(t *testing.T) {
	golden := must(txtar.ParseFile(goldenFile))(t)
	want := map[string]string{}
	for _, f := range golden.Files {
		want[f.Name] = string(f.Data)
	}
	got := map[string]string{}
	eachGolden(t, func(name string, argv []string) { got[name] = string(onMachine(t, argv...).golden()) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func eachGolden(t *testing.T, f func(name string, argv []string)) {
	t.Setenv("LC_ALL", "C")
	for _, zone := range goldenZones() {
		t.Setenv("TZ", zone)
		for _, line := range goldenLines() {
			if zone != "UTC" && line != "ipcs -t" && line != "lsipc -m -t --time-format=iso -r" {
				continue // the output has no times
			}
			f("TZ="+zone+" "+line, words(line))
		}
	}
}

// TestGoldenIsUtilLinux mounts the fixture's files over the files of the kernel, and runs util-linux on them.
func TestGoldenIsUtilLinux(t *testing.T) {
	needReference(t)
	kerneltest.InNamespace(t, func() {
		root := must(filepath.Abs(machine))(t)
		check(t, filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			return unix.Mount(path, strings.TrimPrefix(path, root), "", unix.MS_BIND, "")
		}))
		// Owners stay numbers, as for every machine made of files.
		switchFile := filepath.Join(t.TempDir(), "nsswitch.conf")
		check(t, os.WriteFile(switchFile, []byte("passwd: files\ngroup: files\n"), 0o644))
		for name, instead := range map[string]string{"/etc/passwd": "/dev/null", "/etc/group": "/dev/null",
			"/etc/nsswitch.conf": switchFile} {
			check(t, unix.Mount(instead, name, "", unix.MS_BIND, ""))
		}
		var archive txtar.Archive
		eachGolden(t, func(name string, argv []string) {
			archive.Files = append(archive.Files, txtar.File{Name: name, Data: theirs(t, argv...).golden()})
		})
		text := txtar.Format(&archive)
		if os.Getenv("IPCTOP_TEST_UPDATE") != "" {
			check(t, os.WriteFile(goldenFile, text, 0o644))
		}
		if diff := cmp.Diff(string(must(os.ReadFile(goldenFile))(t)), string(text)); diff != "" {
			t.Error(diff)
		}
	})
}
