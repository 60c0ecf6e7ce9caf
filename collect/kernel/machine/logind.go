package machine

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/ipctop/ipctop/collect/kernel/scan"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// The files of systemd-logind that decide which IPC objects logind removes at a logout (logind.conf(5),
// systemd.syntax(7)).
//
// Only the first logind.conf counts, in the order of logindDirs. Then come the *.conf files of all logind.conf.d
// directories, sorted by their bare names. If two have the same name, the file in the earlier directory counts. So an
// empty file or a link to /dev/null masks the later one. The last assignment wins.

// logindDirs are the directories of systemd's configuration. A directory overrides those after it.
func logindDirs() []string {
	return []string{"/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd"}
}

// RemoveIPC is logind's setting for the IPC objects of a user whose last session has ended.
type RemoveIPC struct {
	On   bool
	File string // the file that has the setting; "": no file has it, and logind's built-in setting counts
	Line int
	// Vendor is the file whose comment shows the built-in setting. "": no file shows it. On is then the setting in
	// systemd's source; some distributions change it.
	Vendor string
}

// ReadRemoveIPC reads logind's files. Missing files do not count. A file that it cannot read is an error.
func ReadRemoveIPC(root sys.Root) (RemoveIPC, error) {
	files, err := logindFiles(root)
	if err != nil {
		return RemoveIPC{}, err
	}
	r := RemoveIPC{On: true} // manager_reset_config in systemd's src/login/logind.c
	for _, file := range files {
		text, err := root.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return RemoveIPC{}, err
		}
		c := ParseLogindConf(text)
		if c.BuiltIn.Line > 0 && r.File == "" && r.Vendor == "" {
			r.On, r.Vendor = c.BuiltIn.On, file
		}
		if c.RemoveIPC.Line > 0 {
			r.On, r.File, r.Line = c.RemoveIPC.On, file, c.RemoveIPC.Line
		}
	}
	return r, nil
}

// logindFiles lists logind's files in the order of reading.
func logindFiles(root sys.Root) ([]string, error) {
	var main []string
	dropIns := map[string]string{} // path by name
	for _, dir := range logindDirs() {
		file := dir + "/logind.conf"
		if _, err := root.Lstat(file, 0); err == nil && len(main) == 0 {
			main = append(main, file)
		}
		names, err := root.ReadDir(file + ".d")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, name := range names {
			if path.Ext(name) == ".conf" && name[0] != '.' && dropIns[name] == "" && !isDir(root, file+".d/"+name) {
				dropIns[name] = file + ".d/" + name
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(dropIns)) {
		main = append(main, dropIns[name])
	}
	return main, nil
}

func isDir(root sys.Root, path string) bool {
	st, err := root.Lstat(path, unix.STATX_TYPE)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// LogindConf is the content of one file.
type LogindConf struct {
	RemoveIPC LogindSetting // the last assignment
	// the first assignment in a comment: the vendor's file shows the built-in setting in this way
	BuiltIn LogindSetting
	Broken  bool // a section's heading has no end; logind stops reading there
}

// LogindSetting is a switch. Line 0: the file does not have it.
type LogindSetting struct {
	On   bool
	Line int
}

// ParseLogindConf reads a file like config_parse (src/shared/conf-parser.c of systemd). It ignores lines that it does
// not understand.
func ParseLogindConf(text []byte) LogindConf {
	var c LogindConf
	var whole strings.Builder // a line and the lines that continue it
	section, begin, n := "", 0, 0
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	for raw := range bytes.Lines(text) {
		n++
		line := strings.TrimRight(string(raw), "\r\n")
		// comments also count inside a continued line
		if word := strings.TrimLeft(line, " \t"); word != "" && (word[0] == '#' || word[0] == ';') {
			if on, ok := logindAssignment(strings.TrimLeft(word, "#; \t")); ok && c.BuiltIn.Line == 0 {
				c.BuiltIn = LogindSetting{on, n}
			}
			continue
		}
		if whole.Len() == 0 {
			begin = n
		}
		if continued(line) {
			whole.WriteString(line[:len(line)-1] + " ")
			continue
		}
		whole.WriteString(line)
		if c.Broken = !c.line(&section, whole.String(), begin); c.Broken {
			return c
		}
		whole.Reset()
	}
	c.Broken = !c.line(&section, whole.String(), begin)
	return c
}

// continued is true if a line ends in a backslash and no other backslash escapes it.
func continued(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

func (c *LogindConf) line(section *string, line string, n int) bool {
	line = strings.TrimSpace(line)
	switch {
	case line == "" || !utf8.ValidString(line):
	case line[0] == '[':
		if line[len(line)-1] != ']' {
			return false
		}
		*section = line[1 : len(line)-1]
	case *section == "Login":
		if on, ok := logindAssignment(line); ok {
			c.RemoveIPC = LogindSetting{on, n}
		}
	}
	return true
}

// logindAssignment reads "RemoveIPC=yes" with the words of parse_boolean (src/basic/parse-util.c). ok is false for
// other words.
func logindAssignment(line string) (on, ok bool) {
	name, value, _ := strings.Cut(line, "=")
	if strings.TrimSpace(name) != "RemoveIPC" {
		return false, false
	}
	switch strings.ToLower(strings.TrimSpace(value)) {
	case "1", "yes", "y", "true", "t", "on":
		return true, true
	case "0", "no", "n", "false", "f", "off":
		return false, true
	}
	return false, false
}

// UserSession is logind's state of a user.
type UserSession struct {
	Known  bool // the user has a session now, or lingers (/run/systemd/users)
	Linger bool // the user stays known without a session (loginctl enable-linger), so its IPC objects stay
}

// LogindUser looks for a user in logind's state. name is the name in the password file.
func LogindUser(root sys.Root, uid uint32, name string) UserSession {
	is := func(path string) bool {
		_, err := root.Lstat(path, 0)
		return err == nil
	}
	return UserSession{
		Known:  is("/run/systemd/users/" + strconv.FormatUint(uint64(uid), 10)),
		Linger: vfs.PlainName(name) == nil && is("/var/lib/systemd/linger/"+name),
	}
}

// LogindRuns is true if logind keeps its state on this machine. logind makes the directory when it starts
// (src/login/logind.c). An image of a running system, or a package, may have the directory without logind.
func LogindRuns(root sys.Root) bool {
	_, err := root.Stat("/run/systemd/seats", 0)
	return err == nil
}

// SystemUIDMax is the highest uid of a system user. logind does not touch the objects of system users. It is
// SYS_UID_MAX of login.defs(5), which systemd reads at its build. Without it in the file it is 999.
func SystemUIDMax(root sys.Root) (uint32, error) {
	const path, usual = "/etc/login.defs", 999
	text, err := root.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return usual, nil
	}
	if err != nil {
		return usual, err
	}
	for line := range bytes.Lines(text) {
		words := strings.Fields(string(line))
		if len(words) < 2 || words[0] != "SYS_UID_MAX" {
			continue
		}
		n, err := strconv.ParseUint(words[1], 10, 32)
		if err != nil {
			return usual, fmt.Errorf("read %s: %w", path, scan.ErrMalformed)
		}
		return uint32(n), nil
	}
	return usual, nil
}
