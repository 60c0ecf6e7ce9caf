package software

import (
	"path/filepath"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

func TestParseLockFile(t *testing.T) {
	for text, want := range map[string]lockFile{
		"812\n/var/lib/postgresql/15/main\n1795276694\n5432\n/run\nlocalhost\n  9994097         4\nready   \n": {
			pid: 812, port: 5432, ShmKey: 9994097, shmID: 4, HasShm: true},
		"812\n/d\n1\n5432\n\n*\n18446744073688166552  98304\n": {pid: 812, port: 5432, ShmKey: 0xfeb9b098, shmID: 98304,
			HasShm: true},
		"-812\n/d\n1\n5432\n":                 {pid: 812, port: 5432},
		"812":                                 {pid: 812},
		"812\n/d\n1\n99999\n/run\n*\n1 2 3\n": {pid: 812},
		"":                                    {},
		"x\n/d\n1\n5432\n":                    {},
	} {
		got, ok := parseLockFile([]byte(text))
		if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(lockFile{})); diff != "" || ok != (want.pid != 0) {
			t.Errorf("%q: %v (-want +got):\n%s", text, ok, diff)
		}
	}
}

func FuzzParseLockFile(f *testing.F) {
	f.Add([]byte("812\n/var/lib/postgresql/15/main\n1795276694\n5432\n/run\nlocalhost\n" +
		"  9994097         4\nready   \n"))
	f.Add([]byte("data_directory = '/x'"))
	f.Add([]byte("postgres\x00-D\x00/x\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if l, ok := parseLockFile(text); ok != (l.pid > 0) || l.port > 65535 {
			t.Errorf("%q: %+v", text, l)
		}
		for _, dir := range []string{configuredDirectory(text), argumentAfter(text, "-D")} {
			if dir != "" && (!filepath.IsAbs(dir) || filepath.Clean(dir) != dir) {
				t.Errorf("%q: %q", text, dir)
			}
		}
	})
}

func TestDirectoriesInTexts(t *testing.T) {
	for conf, want := range map[string]string{
		"data_directory = '/a b/c'\n":                     "/a b/c",
		"data_directory=/a # c\ndata_directory = '/b/'\n": "/b",
		"#data_directory = '/a'\ndata_directory = 'a'\n":  "",
		"data_directories = '/a'\n":                       "",
	} {
		if got := configuredDirectory([]byte(conf)); got != want {
			t.Errorf("%q: %q, want %q", conf, got, want)
		}
	}
	for args, want := range map[string]string{
		"postgres\x00-D\x00/var/lib/x/\x00-c\x00a=b\x00": "/var/lib/x",
		"postgres\x00-D/var/lib/x\x00":                   "/var/lib/x",
		"postgres\x00-D\x00x\x00":                        "",
		"postgres\x00-D":                                 "",
		"":                                               "",
	} {
		if got := argumentAfter([]byte(args), "-D"); got != want {
			t.Errorf("%q: %q, want %q", args, got, want)
		}
	}
}
