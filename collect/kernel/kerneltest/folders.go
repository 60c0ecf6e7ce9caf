package kerneltest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	tmp    = "/tmp"
	varTmp = "/var/tmp"
	home   = tmp + "/home"
)

// ownFolders gives the test an empty /tmp, /var/tmp and home directory, all in memory. So the machine's own files do
// not slow the test, and the test does not change them. Of the machine's /tmp the test binary and the source stay.
func ownFolders() error {
	if st, err := os.Lstat(tmp); err != nil || !st.IsDir() {
		return nil
	}
	kept, err := openNeeded()
	if err != nil {
		return err
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", tmp, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"); err != nil {
		return fmt.Errorf("mount tmpfs on %s: %w", tmp, err)
	}
	skipInodes()
	for path, fd := range kept {
		err := os.MkdirAll(path, 0o755)
		if err == nil {
			err = unix.Mount("/proc/self/fd/"+strconv.Itoa(fd), path, "", unix.MS_BIND|unix.MS_REC, "")
		}
		if err != nil {
			return fmt.Errorf("keep %s: %w", path, err)
		}
		unix.Close(fd)
	}
	if err := coverVarTmp(dir); err != nil {
		return err
	}
	if err := os.Chdir(dir); err != nil { // enter the new mount of the same directory
		return err
	}
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"TMPDIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "HISTFILE"} {
		os.Unsetenv(name)
	}
	return os.Setenv("HOME", home)
}

// coverVarTmp gives the test an empty /var/tmp. Programs leave many files there, and ipctop searches it for FIFOs and
// sockets. If the source or the test binary is there, it stays as it is.
func coverVarTmp(dir string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	for _, path := range []string{exe, dir} {
		if strings.HasPrefix(path, varTmp+"/") {
			return nil
		}
	}
	if st, err := os.Lstat(varTmp); err != nil || !st.IsDir() {
		return nil
	}
	if err := unix.Mount("tmpfs", varTmp, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=1777"); err != nil {
		return fmt.Errorf("mount tmpfs on %s: %w", varTmp, err)
	}
	return nil
}

// skipInodes uses up the small inode numbers. Tests choose these for other purposes, for example as keys of System V
// objects. A new tmpfs begins at number 1. If skipInodes fails, files of the test get these numbers.
func skipInodes() {
	for range 150 {
		fd, err := unix.Open(tmp, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return
		}
		unix.Close(fd)
	}
}

// openNeeded opens the directories below /tmp that the test needs: the test binary's directory and the module.
func openNeeded() (map[string]int, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	kept := map[string]int{}
	for _, path := range []string{filepath.Dir(exe), moduleOf(dir)} {
		if _, twice := kept[path]; twice || !strings.HasPrefix(path, tmp+"/") {
			continue
		}
		fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", path, err)
		}
		kept[path] = fd
	}
	return kept, nil
}

// moduleOf is the nearest directory above that holds a go.mod; without one, the directory itself.
func moduleOf(dir string) string {
	for up := dir; len(up) > 1; up = filepath.Dir(up) {
		if _, err := os.Stat(filepath.Join(up, "go.mod")); err == nil {
			return up
		}
	}
	return dir
}
