package fdinfo

import (
	"bytes"

	"github.com/ipctop/ipctop/collect/kernel/scan"
)

// ParseInFlight reads how many descriptors wait in a UNIX socket to be received, from the fdinfo of any descriptor on
// it (scm_fds, since Linux 5.15: net/unix/af_unix.c, unix_show_fdinfo). ok is false where it does not say so.
func ParseInFlight(fdinfo []byte) (n int, ok bool) {
	for line := range bytes.Lines(fdinfo) {
		if rest, found := bytes.CutPrefix(line, []byte("scm_fds:")); found {
			return scan.Atoi(bytes.TrimSpace(rest))
		}
	}
	return 0, false
}
