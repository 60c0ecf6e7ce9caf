package proc

import (
	"bytes"
	"os"
	"strconv"
)

// accountFile reads the names of a password or group file by their number, which is the third field of a line (man 5
// passwd, man 5 group). The first name of a number counts. fields is how many fields a line has at least. A file that
// cannot be read has none.
//
// It knows what os/user knows in a program without cgo, which reads the file anew for every number.
func accountFile(path string, fields int) map[uint32]account {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return parseAccounts(data, fields)
}

func parseAccounts(data []byte, fields int) map[uint32]account {
	all := map[uint32]account{}
	for line := range bytes.Lines(data) {
		parts := bytes.Split(bytes.TrimSpace(line), []byte{':'})
		if len(parts) < fields || len(parts[0]) == 0 {
			continue
		}
		switch parts[0][0] {
		case '#', '+', '-': // a comment; NIS, which is not ours to ask
			continue
		}
		id, err := strconv.ParseUint(string(parts[2]), 10, 32)
		if err != nil {
			continue
		}
		if _, known := all[uint32(id)]; !known {
			all[uint32(id)] = account{string(parts[0]), true}
		}
	}
	return all
}
