package utillinux

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// These functions make the cells of lsipc that several kinds have.

// permCell gives a cell that the three System V kinds have in common.
func (r *lsipcRun) permCell(p *sysv.IPCPerm, column string) cell {
	switch column {
	case "KEY":
		return textCell(fmt.Sprintf("0x%08x", p.Key))
	case "ID":
		return textCell(strconv.Itoa(p.ID))
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

// ownerCell gives a cell that System V and POSIX objects have in common.
func (r *lsipcRun) ownerCell(column string, uid, cuid, cgid, perms uint32) cell {
	switch column {
	case "OWNER":
		return textCell(r.users.User(uid))
	case "PERMS":
		if r.numericPerms {
			return textCell(octalC(perms))
		}
		return textCell(permWord(perms))
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

func numberCell(n uint64) cell { return textCell(strconv.FormatUint(n, 10)) }

// pidCell writes a pid as util-linux does, as an unsigned number.
func pidCell(pid int32) cell { return numberCell(uint64(uint32(pid))) }

func (r *lsipcRun) bytesCell(n uint64) cell {
	if r.bytes {
		return numberCell(n)
	}
	return textCell(humanSize(n))
}

// timeCell writes a time, in Unix seconds. The cell of a time that was never set is empty.
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
	return textCell(r.times().format(format, sec, time.Now()))
}

// maxCommand is the number of bytes of a command line that util-linux reads, with the NUL at the end.
const maxCommand = 8192

// command gives the command line of a process, with blanks between the words. The cell is unset for a process that has
// ended and for a kernel thread: they have no command line. Another process may have the pid by now.
func (r *lsipcRun) command(pid int32) cell {
	if c, ok := r.commands[pid]; ok {
		return c
	}
	var c cell
	if dir, err := r.host.OpenProc(int(pid)); err == nil {
		defer dir.Close()
		if raw, err := dir.Read("cmdline", nil); err == nil && len(raw) > 0 {
			raw = raw[:min(len(raw), maxCommand)]
			c = textCell(strings.ReplaceAll(string(raw[:len(raw)-1]), "\x00", " "))
		}
	}
	r.commands[pid] = c
	return c
}
