package utillinux

import "github.com/ipctop/ipctop/collect/kernel/sysv"

// The tables of ipcs. Each has its own widths and titles. Scripts rely on the quirks of the tables, so the quirks stay.

// heading is the first two lines of a table.
type heading struct{ title, columns string }

// begin prints the limits, the summary or the heading for the run's mode. It returns true if rows follow.
func (r *ipcsRun) begin(limits, summary func(), headings map[ipcsMode]heading) bool {
	switch r.mode {
	case ipcsLimits:
		limits()
		return false
	case ipcsSummary:
		summary()
		return false
	}
	h, ok := headings[r.mode]
	if ok {
		r.print("------ " + h.title + " --------\n" + h.columns + "\n")
	}
	return ok
}

func (r *ipcsRun) showMsg() {
	size := "used-bytes"
	if r.unit == unitHuman {
		size = "size      "
	}
	if !r.begin(r.msgLimits, r.msgSummary, map[ipcsMode]heading{
		ipcsList: {"Message Queues", "key        msqid      owner      perms      " + size + "   messages    "},
		ipcsCreator: {"Message Queues Creators/Owners",
			"msqid      perms      cuid       cgid       uid        gid       "},
		ipcsTime: {"Message Queues Send/Recv/Change Times",
			"msqid    owner      send                 recv                 change              "},
		ipcsPID: {"Message Queues PIDs", "msqid      owner      lspid      lrpid     "},
	}) {
		return
	}
	queues, _ := r.host.MsgQueues(false) // a kernel without message queues has none to show
	for i := range queues {
		r.msgRow(&queues[i])
	}
}

func (r *ipcsRun) msgRow(q *sysv.MsgQueue) {
	line := r.row
	switch r.mode {
	case ipcsCreator:
		line = r.creators(line, &q.IPCPerm)
	case ipcsTime:
		line = r.dates(r.owned(line, &q.IPCPerm, 8), q.STime, q.RTime, q.CTime)
	case ipcsPID:
		line = r.owned(line, &q.IPCPerm, 8).text("  ")
		line = line.rightNumber(q.LSPid, 5).text("     ").rightNumber(q.LRPid, 5)
	default:
		line = r.listed(line, &q.IPCPerm).text(" ")
		if r.unit == unitHuman {
			line = line.right(humanSize(q.CBytes), 6).text("      ")
		} else {
			line = line.count(q.CBytes, 12)
		}
		line = append(line, ' ').count(q.QNum, 12)
	}
	r.write(line)
}

func (r *ipcsRun) showShm() {
	size := "bytes"
	if r.unit == unitHuman {
		size = "size "
	}
	if !r.begin(r.shmLimits, r.shmSummary, map[ipcsMode]heading{
		ipcsList: {"Shared Memory Segments",
			"key        shmid      owner      perms      " + size + "      nattch     status      "},
		ipcsCreator: {"Shared Memory Segment Creators/Owners",
			"shmid      perms      cuid       cgid       uid        gid       "},
		ipcsTime: {"Shared Memory Attach/Detach/Change Times",
			"shmid      owner      attached             detached             changed             "},
		ipcsPID: {"Shared Memory Creator/Last-op PIDs", "shmid      owner      cpid       lpid      "},
	}) {
		return
	}
	segments, _ := r.host.ShmSegments(false)
	for i := range segments {
		r.shmRow(&segments[i])
	}
}

func (r *ipcsRun) shmRow(m *sysv.ShmSegment) {
	line := r.row
	switch r.mode {
	case ipcsCreator:
		line = r.creators(line, &m.IPCPerm)
	case ipcsTime:
		line = r.dates(r.owned(line, &m.IPCPerm, 10), m.ATime, m.DTime, m.CTime)
	case ipcsPID:
		line = append(r.owned(line, &m.IPCPerm, 10), ' ').number(int64(uint32(m.CPid)), 10)
		line = append(line, ' ').number(int64(uint32(m.LPid)), 10)
	default:
		line = r.listed(line, &m.IPCPerm).text(" ")
		if r.unit == unitHuman {
			line = line.right(humanSize(m.Size), 6).text("    ")
		} else {
			line = line.count(m.Size, 10)
		}
		line = append(line, ' ').count(m.NAttch, 10)
		line = append(line, ' ').left(flagged(m.Dest(), "dest"), 6)
		line = append(line, ' ').left(flagged(m.Locked(), "locked"), 6)
	}
	r.write(line)
}

// flagged gives word if set is true, else one blank.
func flagged(set bool, word string) string {
	if set {
		return word
	}
	return " "
}

// showSem prints nothing for -p: a semaphore set has no last process, each of its semaphores has one.
func (r *ipcsRun) showSem() {
	if !r.begin(r.semLimits, r.semSummary, map[ipcsMode]heading{
		ipcsList: {"Semaphore Arrays", "key        semid      owner      perms      nsems     "},
		ipcsCreator: {"Semaphore Arrays Creators/Owners",
			"semid      perms      cuid       cgid       uid        gid       "},
		ipcsTime: {"Semaphore Operation/Change Times",
			"semid    owner      last-op                    last-changed              "},
	}) {
		return
	}
	sets, _ := r.host.SemSets()
	for i := range sets {
		r.semRow(&sets[i])
	}
}

func (r *ipcsRun) semRow(set *sysv.SemSet) {
	line := r.row
	switch r.mode {
	case ipcsCreator:
		line = r.creators(line, &set.IPCPerm)
	case ipcsTime:
		t := r.times()
		line = r.owned(line, &set.IPCPerm, 8).text("  ")
		line = append(line.leftCut(t.orNever(set.OTime), 26, 24), ' ').leftCut(t.orNever(set.CTime), 26, 24)
	default:
		line = r.listed(line, &set.IPCPerm)
		line = append(line, ' ').count(set.NSems, 10)
	}
	r.write(line)
}

// dates writes each time, in Unix seconds, into a field of 20 bytes.
func (r *ipcsRun) dates(line row, times ...int64) row {
	t := r.times()
	for _, sec := range times {
		line = append(line, ' ').leftCut(t.short(sec), 20, 16)
	}
	return line
}

// listed writes the cells that the three plain tables have in common: key, id, owner and permissions.
func (r *ipcsRun) listed(line row, p *sysv.IPCPerm) row {
	line = append(line.key(p.Key), ' ')
	return append(r.owned(line, p, 10), ' ').octal(p.Perms(), 10)
}

// owned writes the id and the owner. It cuts a name to ten bytes, but not a uid.
func (r *ipcsRun) owned(line row, p *sysv.IPCPerm, width int) row {
	line = append(line.number(int64(p.ID), width), ' ')
	if name, ok := r.users.UserName(p.UID); ok {
		return line.leftCut(name, 10, 10)
	}
	return line.number(int64(p.UID), 10)
}

// creators writes a row of -c. It cuts no names.
func (r *ipcsRun) creators(line row, p *sysv.IPCPerm) row {
	line = append(line.number(int64(p.ID), 10), ' ').octal(p.Perms(), 10)
	line = append(line, ' ').left(r.users.User(p.CUID), 10)
	line = append(line, ' ').left(r.users.Group(p.CGID), 10)
	line = append(line, ' ').left(r.users.User(p.UID), 10)
	return append(line, ' ').left(r.users.Group(p.GID), 10)
}
