package fdinfo

import (
	"bytes"

	"github.com/ipctop/ipctop/collect/kernel/scan"
)

// ParseInFlight is the number of descriptors that wait in a UNIX socket for a receiver. It reads the fdinfo of any
// descriptor of the socket (scm_fds, since Linux 5.15: net/unix/af_unix.c, unix_show_fdinfo). ok is false if fdinfo
// has no such line.
func ParseInFlight(fdinfo []byte) (n int, ok bool) {
	for line := range bytes.Lines(fdinfo) {
		if rest, found := bytes.CutPrefix(line, []byte("scm_fds:")); found {
			return scan.Atoi(bytes.TrimSpace(rest))
		}
	}
	return 0, false
}
