package proc

import (
	"bytes"
	"os"
	"strconv"
)

// accountFile reads a password or group file and returns the names by number. The number is the third field of a line
// (man 5 passwd, man 5 group). The first name of a number counts. fields is the smallest number of fields in a line.
// It returns nil for a file that cannot be read.
//
// The names are those of os/user in a program without cgo. But os/user reads the whole file again for every number.
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
		case '#', '+', '-': // a comment, or an NIS entry: only the C library asks NIS
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
