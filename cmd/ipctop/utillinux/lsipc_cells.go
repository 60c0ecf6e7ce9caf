package utillinux

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// The cells of lsipc that several kinds have.

// permCell gives what the three kinds have in common.
func (r *lsipcRun) permCell(p *sysv.IPCPerm, column string) cell {
	switch column {
	case "KEY":
		return some(fmt.Sprintf("0x%08x", p.Key))
	case "ID":
		return some(strconv.Itoa(p.ID))
	case "UID":
		return numberCell(uint64(p.UID))
	case "USER":
		return named(r.users.UserName(p.UID))
	case "GID":
		return numberCell(uint64(p.GID))
	case "GROUP":
		return named(r.users.GroupName(p.GID))
	}
	return r.ownerCell(column, p.UID, p.CUID, p.CGID, p.Perms())
}

// ownerCell gives what POSIX objects have as well.
func (r *lsipcRun) ownerCell(column string, uid, cuid, cgid, perms uint32) cell {
	switch column {
	case "OWNER":
		return some(r.users.User(uid))
	case "PERMS":
		if r.numericPerms {
			return some(octalC(perms))
		}
		return some(permWord(perms))
	case "CUID":
		return numberCell(uint64(cuid))
	case "CUSER":
		return named(r.users.UserName(cuid))
	case "CGID":
		return numberCell(uint64(cgid))
	case "CGROUP":
		return named(r.users.GroupName(cgid))
	}
	return cell{}
}

// permWord writes permissions as ls does: rwxr-x---.
func permWord(perms uint32) string {
	word := []byte("rwxrwxrwx")
	for i := range word {
		if perms&(1<<(8-i)) == 0 {
			word[i] = '-'
		}
	}
	return string(word)
}

func named(name string, ok bool) cell { return cell{name, ok} }

func numberCell(n uint64) cell { return some(strconv.FormatUint(n, 10)) }

func (r *lsipcRun) bytesCell(n uint64) cell {
	if r.bytes {
		return numberCell(n)
	}
	return some(humanSize(n))
}

// timeCell writes a time; one that was never set is empty.
func (r *lsipcRun) timeCell(sec int64) cell {
	if sec == 0 {
		return cell{}
	}
	format := r.format
	if format == timeUnset {
		if format = timeShort; r.mode == outPretty {
			format = timeFull
		}
	}
	return some(r.times().format(format, sec, time.Now()))
}

// commandMost is how much of a command line util-linux reads, with the NUL at its end.
const commandMost = 8192

// command is a process's command line with blanks between the words, unset if there is none (any more): a process
// that ended, or the kernel's own. It may be another process that has the pid by now.
func (r *lsipcRun) command(pid int32) cell {
	if c, ok := r.commands[pid]; ok {
		return c
	}
	var c cell
	if raw, err := r.host.ReadFile("/proc/" + strconv.Itoa(int(pid)) + "/cmdline"); err == nil && len(raw) > 0 {
		raw = raw[:min(len(raw), commandMost)]
		c = some(strings.ReplaceAll(string(raw[:len(raw)-1]), "\x00", " "))
	}
	r.commands[pid] = c
	return c
}
