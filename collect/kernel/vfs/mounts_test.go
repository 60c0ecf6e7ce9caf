package vfs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

// Every mount is as procfs reads it, also a mount on a path of blanks, backslashes and newlines.
func TestMountsAreAsProcfsReadsThem(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		hostile := filepath.Join(t.TempDir(), "a b\\c\td\ne - f")
		kerneltest.OK(t, os.Mkdir(hostile, 0o755))
		kerneltest.OK(t, unix.Mount("", hostile, "tmpfs", unix.MS_NOATIME, "size=4096"))
		t.Cleanup(func() { unix.Unmount(hostile, unix.MNT_DETACH) })
		var want []Mount
		for _, m := range kerneltest.Must(procfs.GetMounts())(t) {
			var major, minor uint32
			fmt.Sscanf(m.MajorMinorVer, "%d:%d", &major, &minor)
			want = append(want, Mount{ID: m.MountID, Dev: unix.Mkdev(major, minor), Root: unescape.Replace(m.Root),
				Point: unescape.Replace(m.MountPoint), Type: m.FSType})
		}
		got := kerneltest.Must(OwnMounts())(t)
		if diff := cmp.Diff(got, kerneltest.Must(MountsOf(os.Getpid()))(t)); diff != "" {
			t.Errorf("of this process by its number:\n%s", diff)
		}
		last := got[len(got)-1]
		if _, noatime := Option(last.Options, "noatime"); !noatime {
			t.Errorf("options %q", last.Options)
		}
		if size, _ := Option(last.SuperOptions, "size"); size != "4k" {
			t.Errorf("options %q", last.SuperOptions)
		}
		var st unix.Stat_t
		kerneltest.OK(t, unix.Stat(hostile, &st))
		if last.Point != hostile || last.Dev != st.Dev {
			t.Errorf("the last mount is %+v", last)
		}
		for i := range got {
			got[i].Options, got[i].SuperOptions = "", ""
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestParseMount(t *testing.T) {
	const all = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue"
	want := Mount{36, unix.Mkdev(98, 0), "/mnt1", "/mnt2", "rw,noatime", "ext3", "rw,errors=continue"}
	for _, line := range []string{all, strings.Replace(all, "/dev/root", "", 1),
		strings.Replace(all, "master:1 shared:7 ", "", 1)} {
		if got, ok := parseMount(line); got != want || !ok {
			t.Errorf("%s: %+v, %v", line, got, ok)
		}
	}
	for _, line := range []string{"", "-", " - ", strings.Replace(all, " - ", " ", 1), strings.TrimPrefix(all, "36 "),
		strings.Replace(all, "98:0", "98", 1), strings.Replace(all, "36", "x", 1),
		strings.Replace(all, " /dev/root", "", 1)} {
		if got, ok := parseMount(line); ok {
			t.Errorf("%s: %+v", line, got)
		}
	}
	if got, err := parseMounts(all + "\nx\n"); err == nil {
		t.Errorf("%+v", got)
	}
}

func TestOption(t *testing.T) {
	for _, c := range []struct {
		options, name, value string
		has                  bool
	}{{"rw,hidepid=2", "hidepid", "2", true}, {"rw,noatime", "noatime", "", true}, {"rw", "r", "", false},
		{"", "rw", "", false}, {"a=b=c", "a", "b=c", true}} {
		if value, has := Option(c.options, c.name); value != c.value || has != c.has {
			t.Errorf("%s of %q: %q, %v", c.name, c.options, value, has)
		}
	}
}
