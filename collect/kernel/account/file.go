package account

import (
	"bytes"
	"iter"
	"os"
	"strconv"
)

// accountFile reads a password or group file and returns the names by number. The number is the third field of a line
// (man 5 passwd, man 5 group). The first name of a number counts. numbers is how many numbers a line has after its
// password: two in /etc/passwd (uid and gid), one in /etc/group.
// It returns nil for a file that cannot be read.
//
// A line counts if the C library's service "files" takes the line (glibc, nss/nss_files/files-parse.c): fields after
// the numbers may be missing, blanks may stand before a line or a number, and a number may have a sign.
func accountFile(path string, numbers int) map[uint32]account {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return parseAccounts(data, numbers)
}

const accountBlanks = " \t\n\v\f\r" // isspace(3) of the C locale

func parseAccounts(data []byte, numbers int) map[uint32]account {
	all := map[uint32]account{}
	for id, name := range accounts(data, numbers) {
		if _, known := all[id]; !known {
			all[id] = account{name, true}
		}
	}
	return all
}

// accountNamed is the number of the first line with a name. ok is false if there is none.
func accountNamed(path string, numbers int, name string) (id uint32, ok bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	for id, is := range accounts(data, numbers) {
		if is == name {
			return id, true
		}
	}
	return 0, false
}

// accounts cuts the content of a file into numbers and names.
func accounts(data []byte, numbers int) iter.Seq2[uint32, string] {
	return func(yield func(uint32, string) bool) { eachAccount(data, numbers, yield) }
}

func eachAccount(data []byte, numbers int, yield func(uint32, string) bool) {
	for line := range bytes.Lines(data) {
		line = bytes.TrimLeft(bytes.TrimSuffix(line, []byte{'\n'}), accountBlanks)
		parts := bytes.Split(line, []byte{':'})
		if len(parts) < 2+numbers || len(parts[0]) == 0 {
			continue
		}
		switch parts[0][0] {
		case '#', '+', '-': // a comment, or an NIS entry: only the C library asks NIS
			continue
		}
		id, ok := accountID(parts[2])
		for _, number := range parts[3 : 2+numbers] {
			_, valid := accountID(number)
			ok = ok && valid
		}
		if ok && !yield(id, string(parts[0])) {
			return
		}
	}
}

// accountID reads a number like strtoul(3). The C library refuses a line with a number that has more than 32 bits, or
// with a number below 0.
func accountID(field []byte) (uint32, bool) {
	digits := bytes.TrimLeft(field, accountBlanks)
	negative := false
	if len(digits) > 0 && (digits[0] == '+' || digits[0] == '-') {
		negative = digits[0] == '-'
		digits = digits[1:]
	}
	id, err := strconv.ParseUint(string(digits), 10, 32)
	return uint32(id), err == nil && !(negative && id > 0)
}
