package utillinux

import "github.com/ipctop/ipctop/collect/kernel/sysv"

// The tables of ipcs. Each has widths and titles of its own, and quirks that scripts have learnt to live with: they
// stay.

func (r *ipcsRun) showMsg() {
	switch r.mode {
	case ipcsLimits:
		r.msgLimits()
		return
	case ipcsSummary:
		r.msgSummary()
		return
	case ipcsCreator:
		r.print("------ Message Queues Creators/Owners --------\n")
		r.print("msqid      perms      cuid       cgid       uid        gid       \n")
	case ipcsTime:
		r.print("------ Message Queues Send/Recv/Change Times --------\n")
		r.print("msqid    owner      send                 recv                 change              \n")
	case ipcsPID:
		r.print("------ Message Queues PIDs --------\n")
		r.print("msqid      owner      lspid      lrpid     \n")
	default:
		size := "used-bytes"
		if r.unit == unitHuman {
			size = "size      "
		}
		r.print("------ Message Queues --------\n")
		r.print("key        msqid      owner      perms      " + size + "   messages    \n")
	}
	queues, _ := r.host.MsgQueues(false) // a kernel without queues has none to show
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
		t := r.times()
		line = r.owned(line, &q.IPCPerm, 8)
		line = append(line, ' ').leftCut(t.short(q.STime), 20, 16)
		line = append(line, ' ').leftCut(t.short(q.RTime), 20, 16)
		line = append(line, ' ').leftCut(t.short(q.CTime), 20, 16)
	case ipcsPID:
		line = r.owned(line, &q.IPCPerm, 8).text("  ")
		line = line.rightNumber(q.LSPid, 5).text("     ").rightNumber(q.LRPid, 5)
	default:
		line = append(line.key(q.Key), ' ')
		line = append(r.owned(line, &q.IPCPerm, 10), ' ').octal(q.Perms(), 10).text(" ")
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
	switch r.mode {
	case ipcsLimits:
		r.shmLimits()
		return
	case ipcsSummary:
		r.shmSummary()
		return
	case ipcsCreator:
		r.print("------ Shared Memory Segment Creators/Owners --------\n")
		r.print("shmid      perms      cuid       cgid       uid        gid       \n")
	case ipcsTime:
		r.print("------ Shared Memory Attach/Detach/Change Times --------\n")
		r.print("shmid      owner      attached             detached             changed             \n")
	case ipcsPID:
		r.print("------ Shared Memory Creator/Last-op PIDs --------\n")
		r.print("shmid      owner      cpid       lpid      \n")
	default:
		size := "bytes"
		if r.unit == unitHuman {
			size = "size "
		}
		r.print("------ Shared Memory Segments --------\n")
		r.print("key        shmid      owner      perms      " + size + "      nattch     status      \n")
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
		t := r.times()
		line = r.owned(line, &m.IPCPerm, 10)
		line = append(line, ' ').leftCut(t.short(m.ATime), 20, 16)
		line = append(line, ' ').leftCut(t.short(m.DTime), 20, 16)
		line = append(line, ' ').leftCut(t.short(m.CTime), 20, 16)
	case ipcsPID:
		line = append(r.owned(line, &m.IPCPerm, 10), ' ').number(int64(uint32(m.CPid)), 10)
		line = append(line, ' ').number(int64(uint32(m.LPid)), 10)
	default:
		line = append(line.key(m.Key), ' ')
		line = append(r.owned(line, &m.IPCPerm, 10), ' ').octal(m.Perms(), 10).text(" ")
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

// flagged is a word, or one blank.
func flagged(set bool, word string) string {
	if set {
		return word
	}
	return " "
}

func (r *ipcsRun) showSem() {
	switch r.mode {
	case ipcsLimits:
		r.semLimits()
		return
	case ipcsSummary:
		r.semSummary()
		return
	case ipcsPID: // a semaphore set has no last process, each of its semaphores has one
		return
	case ipcsCreator:
		r.print("------ Semaphore Arrays Creators/Owners --------\n")
		r.print("semid      perms      cuid       cgid       uid        gid       \n")
	case ipcsTime:
		r.print("------ Semaphore Operation/Change Times --------\n")
		r.print("semid    owner      last-op                    last-changed              \n")
	default:
		r.print("------ Semaphore Arrays --------\n")
		r.print("key        semid      owner      perms      nsems     \n")
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
		line = append(line.key(set.Key), ' ')
		line = append(r.owned(line, &set.IPCPerm, 10), ' ').octal(set.Perms(), 10)
		line = append(line, ' ').count(set.NSems, 10)
	}
	r.write(line)
}

// owned writes the id and the owner, whose name is cut to ten bytes; a uid is not.
func (r *ipcsRun) owned(line row, p *sysv.IPCPerm, width int) row {
	line = append(line.number(int64(p.ID), width), ' ')
	if name, ok := r.users.UserName(p.UID); ok {
		return line.leftCut(name, 10, 10)
	}
	return line.number(int64(p.UID), 10)
}

// creators writes a row of -c. It does not cut names.
func (r *ipcsRun) creators(line row, p *sysv.IPCPerm) row {
	line = append(line.number(int64(p.ID), 10), ' ').octal(p.Perms(), 10)
	line = append(line, ' ').left(r.users.User(p.CUID), 10)
	line = append(line, ' ').left(r.users.Group(p.CGID), 10)
	line = append(line, ' ').left(r.users.User(p.UID), 10)
	return append(line, ' ').left(r.users.Group(p.GID), 10)
}
