package own

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// ReadFile reads a file of settings that only this user and root may write. It follows links: whoever keeps settings in
// another place makes them. most is the largest size in bytes. danger ends the sentence about other writers.
func ReadFile(path string, most int64, danger string) (string, error) {
	var f *os.File
	err := os.ErrPermission
	sys.WithOwnRights(func() {
		f, err = os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // O_NONBLOCK: do not wait in the open of a FIFO
	})
	if err != nil {
		return "", err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return "", &os.PathError{Op: "stat", Path: path, Err: err}
	}
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return "", fmt.Errorf("%s: it is no regular file: move it away", path)
	case st.Uid != 0 && int(st.Uid) != sys.EffectiveUID():
		return "", fmt.Errorf("%s: it belongs to uid %d: give it to the user who runs ipctop, "+
			"or set XDG_CONFIG_HOME to another directory", path, st.Uid)
	case st.Mode&0o022 != 0:
		return "", fmt.Errorf("%s: others may write it (mode %#o), %s: chmod go-w it", path, st.Mode&0o777, danger)
	}
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return "", err
	}
	if int64(len(text)) > most {
		return "", fmt.Errorf("%s: it is larger than %d bytes: shorten it", path, most)
	}
	return string(text), nil
}
