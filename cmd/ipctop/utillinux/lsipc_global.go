package utillinux

import (
	"fmt"
	"strconv"
)

// limitRow is one line of lsipc -g.
type limitRow struct {
	resource, description string
	limit                 uint64
	isBytes               bool
	used                  uint64
	counted               bool // used is known
}

// globalRows lists the limits of the kind on the command line, or of all System V kinds.
func (r *lsipcRun) globalRows() []lsipcRow {
	var limits []limitRow
	for _, of := range []struct {
		kind string
		rows func() []limitRow
	}{{"msg", r.msgLimits}, {"pmsg", r.posixMsgLimits}, {"shm", r.shmLimits}, {"sem", r.semLimits}} {
		if r.kind == of.kind || r.kind == "" && of.kind != "pmsg" {
			limits = append(limits, of.rows()...)
		}
	}
	var rows []lsipcRow
	for _, l := range limits {
		rows = append(rows, func(column string) cell { return r.limitCell(&l, column) })
	}
	return rows
}

func (r *lsipcRun) limitCell(l *limitRow, column string) cell {
	amount := func(n uint64) cell {
		if l.isBytes {
			return r.bytesCell(n)
		}
		return numberCell(n)
	}
	switch column {
	case "RESOURCE":
		return textCell(l.resource)
	case "DESCRIPTION":
		return textCell(l.description)
	case "LIMIT":
		return amount(l.limit)
	case "USED":
		if l.counted {
			return amount(l.used)
		}
		return textCell("-")
	case "USE%":
		if l.counted {
			return textCell(percent(l.used, l.limit))
		}
		return textCell("-")
	}
	return cell{}
}

// percent divides as C does. Without a limit the result is -nan if nothing is used, else inf.
func percent(used, limit uint64) string {
	switch {
	case limit == 0 && used == 0:
		return "-nan%"
	case limit == 0:
		return "inf%"
	}
	return strconv.FormatFloat(float64(used)/float64(limit)*100, 'f', 2, 64) + "%"
}

func (r *lsipcRun) msgLimits() []limitRow {
	info, _ := r.host.MsgInfo() // in a kernel without message queues all limits are 0
	return []limitRow{
		{resource: "MSGMNI", description: "Number of message queues", limit: info.MNI, used: info.Queues,
			counted: true},
		{resource: "MSGMAX", description: "Max size of message (bytes)", limit: info.Max, isBytes: true},
		{resource: "MSGMNB", description: "Default max size of queue (bytes)", limit: info.MNB, isBytes: true},
	}
}

func (r *lsipcRun) shmLimits() []limitRow {
	info, _ := r.host.ShmInfo()
	segments, _ := r.host.ShmSegments(false)
	var bytes uint64
	for i := range segments {
		bytes += segments[i].Size
	}
	return []limitRow{
		{resource: "SHMMNI", description: "Shared memory segments", limit: info.MNI, used: uint64(len(segments)),
			counted: true},
		{resource: "SHMALL", description: "Shared memory pages", limit: info.All, used: bytes / max(info.PageSize, 1),
			counted: true},
		{resource: "SHMMAX", description: "Max size of shared memory segment (bytes)", limit: info.Max, isBytes: true},
		{resource: "SHMMIN", description: "Min size of shared memory segment (bytes)", limit: info.Min, isBytes: true},
	}
}

func (r *lsipcRun) semLimits() []limitRow {
	info, _ := r.host.SemInfo()
	return []limitRow{
		{resource: "SEMMNI", description: "Number of semaphore identifiers", limit: info.MNI, used: info.Sets,
			counted: true},
		{resource: "SEMMNS", description: "Total number of semaphores", limit: info.MNS, used: info.Semaphores,
			counted: true},
		{resource: "SEMMSL", description: "Max semaphores per semaphore set.", limit: info.MSL},
		{resource: "SEMOPM", description: "Max number of operations per semop(2)", limit: info.OPM},
		{resource: "SEMVMX", description: "Semaphore max value", limit: semVMX},
	}
}

func (r *lsipcRun) posixMsgLimits() []limitRow {
	limits, _ := r.host.MqLimits()
	queues, err := r.host.PosixQueues()
	if err != nil {
		r.queuesUnseen(err)
	}
	return []limitRow{
		{resource: "MQUMNI", description: "Number of POSIX message queues", limit: limits.QueuesMax,
			used: uint64(len(queues)), counted: true},
		{resource: "MQUMAX", description: "Max size of POSIX message (bytes)", limit: limits.MsgSizeMax, isBytes: true},
		{resource: "MQUMNB", description: "Number of messages in POSIX message queue", limit: limits.MsgMax},
	}
}

func lsipcHelp(name string) string {
	return fmt.Sprintf(lsipcHelpText, name) + lsipcColumnHelp() + "\nFor more details see ipctop --help.\n"
}

// lsipcColumnHelp lists the columns by their groups.
func lsipcColumnHelp() string {
	text := ""
	for _, group := range []struct {
		title string
		has   func(*lsipcColumn) bool
	}{
		{"Generic columns:", func(c *lsipcColumn) bool { return c.group == genericColumn }},
		{"Generic POSIX columns, besides OWNER to CGROUP:",
			func(c *lsipcColumn) bool { return c.group == posixColumn }},
		{"Shared-memory columns (--shmems):", func(c *lsipcColumn) bool { return c.group == shmColumn }},
		{"Message-queue columns (--queues):", func(c *lsipcColumn) bool { return c.group == msgColumn }},
		{"Semaphore columns (--semaphores):", func(c *lsipcColumn) bool { return c.group == semColumn }},
		{"POSIX semaphore columns (--posix-semaphores):",
			func(c *lsipcColumn) bool { return c.group == posixSemColumn }},
		{"Summary columns (--global):", func(c *lsipcColumn) bool { return c.group == globalColumn }},
	} {
		text += "\n" + group.title + "\n"
		for _, c := range lsipcColumns() {
			if group.has(&c) {
				text += fmt.Sprintf(" %14s  %s\n", c.name, c.help)
			}
		}
	}
	return text
}

const lsipcHelpText = `
Usage:
 %s [options]

Show information on IPC facilities.

Resource options:
 -m, --shmems           shared memory segments
 -M, --posix-shmems     POSIX shared memory
 -q, --queues           message queues
 -Q, --posix-mqueues    POSIX message queues
 -s, --semaphores       semaphores
 -S, --posix-semaphores POSIX semaphores
 -g, --global           info about system-wide usage (may be used with -m, -q, -s and -Q)
 -i, --id <id>          print details on the System V resource identified by <id>
 -N, --name <name>      print details on the POSIX resource identified by <name>

Options:
     --noheadings         don't print headings
     --notruncate         don't truncate output
     --time-format=<type> display dates in short, full or iso format
 -b, --bytes              print SIZE in bytes rather than in human readable format
 -c, --creator            show creator and owner
 -e, --export             display in an export-able output format
 -J, --json               use the JSON output format
 -n, --newline            display each piece of information on a new line
 -l, --list               force list output format (for example with --id)
 -o, --output[=<list>]    define the columns to output
 -P, --numeric-perms      print numeric permissions (PERMS column)
 -r, --raw                display in raw mode
 -t, --time               show attach, detach and change times
 -y, --shell              use column names to be usable as shell variable identifiers

 -h, --help               display this help
 -V, --version            display version
`
