package utillinux

import "strings"

// lsipcColumn is one column of lsipc, declared once. -o takes its name, and the JSON key is its name in lower case.
type lsipcColumn struct {
	name  string
	help  string
	title string // with -i
	right bool
	trunc bool
	group columnGroup
}

// columnGroup is the group of kinds that a column applies to.
type columnGroup int

const (
	genericColumn columnGroup = iota
	posixColumn
	msgColumn
	shmColumn
	semColumn
	globalColumn
	posixSemColumn
)

// lsipcColumns lists all columns, in the order of -i.
func lsipcColumns() []lsipcColumn {
	left := func(g columnGroup, name, help, title string) lsipcColumn {
		return lsipcColumn{name: name, help: help, title: title, group: g}
	}
	right := func(g columnGroup, name, help, title string) lsipcColumn {
		return lsipcColumn{name: name, help: help, title: title, group: g, right: true}
	}
	return []lsipcColumn{
		left(genericColumn, "KEY", "Resource key", "Key"),
		left(genericColumn, "ID", "Resource ID", "ID"),
		right(genericColumn, "OWNER", "Owner's username or UID", "Owner"),
		right(genericColumn, "PERMS", "Permissions", "Permissions"),
		right(genericColumn, "CUID", "Creator UID", "Creator UID"),
		left(genericColumn, "CUSER", "Creator user", "Creator user"),
		right(genericColumn, "CGID", "Creator GID", "Creator GID"),
		left(genericColumn, "CGROUP", "Creator group", "Creator group"),
		right(genericColumn, "UID", "User ID", "UID"),
		left(genericColumn, "USER", "User name", "User name"),
		right(genericColumn, "GID", "Group ID", "GID"),
		left(genericColumn, "GROUP", "Group name", "Group name"),
		right(genericColumn, "CTIME", "Time of the last change", "Last change"),

		left(posixColumn, "NAME", "POSIX resource name", "Name"),
		right(posixColumn, "MTIME", "Time of last action", "Last action"),

		right(msgColumn, "USEDBYTES", "Bytes used", "Bytes used"),
		left(msgColumn, "MSGS", "Number of messages", "Messages"),
		right(msgColumn, "SEND", "Time of last msg sent", "Msg sent"),
		right(msgColumn, "RECV", "Time of last msg received", "Msg received"),
		right(msgColumn, "LSPID", "PID of the last msg sender", "Msg sender"),
		right(msgColumn, "LRPID", "PID of the last msg receiver", "Msg receiver"),

		right(shmColumn, "SIZE", "Segment size", "Segment size"),
		right(shmColumn, "NATTCH", "Number of attached processes", "Attached processes"),
		left(shmColumn, "STATUS", "Status", "Status"),
		right(shmColumn, "ATTACH", "Attach time", "Attach time"),
		right(shmColumn, "DETACH", "Detach time", "Detach time"),
		{name: "COMMAND", help: "Creator command line", title: "Creator command", group: shmColumn, trunc: true},
		right(shmColumn, "CPID", "PID of the creator", "Creator PID"),
		right(shmColumn, "LPID", "PID of last user", "Last user PID"),

		right(semColumn, "NSEMS", "Number of semaphores", "Semaphores"),
		right(semColumn, "OTIME", "Time of the last operation", "Last operation"),

		left(globalColumn, "RESOURCE", "Resource name", "Resource"),
		left(globalColumn, "DESCRIPTION", "Resource description", "Description"),
		right(globalColumn, "LIMIT", "System-wide limit", "Limit"),
		right(globalColumn, "USED", "Currently used", "Used"),
		right(globalColumn, "USE%", "Currently use percentage", "Use"),

		right(posixSemColumn, "SVAL", "Semaphore value", "Value"),
	}
}

// maxColumns is the largest number of columns in lsipc 2.38.1: twice the number of its columns, less one.
const maxColumns = 67

// appliesTo is true if -o may name the column for a kind. It may always name a generic column, but the cells may be
// empty.
func (c *lsipcColumn) appliesTo(kind string) bool {
	switch c.group {
	case genericColumn:
		return true
	case globalColumn:
		return kind == "global"
	case msgColumn:
		return kind == "msg" || kind == "pmsg" && (c.name == "USEDBYTES" || c.name == "MSGS")
	case shmColumn:
		return kind == "shm" || kind == "pshm" && c.name == "SIZE"
	case semColumn:
		return kind == "sem"
	case posixSemColumn:
		return kind == "psem"
	}
	return strings.HasPrefix(kind, "p") // POSIX
}

// lsipcDefaults lists the usual columns of a kind.
func lsipcDefaults(kind string) []string {
	return strings.Fields(map[string]string{
		"msg":    "KEY ID PERMS OWNER USEDBYTES MSGS LSPID LRPID",
		"shm":    "KEY ID PERMS OWNER SIZE NATTCH STATUS CTIME CPID LPID COMMAND",
		"sem":    "KEY ID PERMS OWNER NSEMS",
		"pmsg":   "NAME PERMS OWNER MTIME USEDBYTES MSGS",
		"pshm":   "NAME PERMS OWNER SIZE MTIME",
		"psem":   "NAME PERMS OWNER MTIME SVAL",
		"global": "RESOURCE DESCRIPTION LIMIT USED USE%",
	}[kind])
}

// lsipcTimes lists the columns that -t adds.
func lsipcTimes(kind string) []string {
	return strings.Fields(map[string]string{"msg": "SEND RECV CTIME", "shm": "ATTACH DETACH",
		"sem": "OTIME CTIME"}[kind])
}

// lsipcTable gives the name of a kind's table in JSON.
func lsipcTable(kind string) string {
	return map[string]string{
		"msg": "messages", "shm": "sharedmemory", "sem": "semaphores",
		"pmsg": "posix-messages", "pshm": "posix-sharedmemory", "psem": "posix-semaphores", "global": "ipclimits",
	}[kind]
}
