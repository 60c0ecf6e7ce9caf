package utillinux

import (
	"strconv"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// detail prints all properties of one object (-i). If there is no such object, the exit code is 0, as in util-linux.
func (r *ipcsRun) detail() int {
	switch {
	case r.msg:
		return r.msgDetail()
	case r.shm:
		return r.shmDetail()
	}
	return r.semDetail()
}

func (r *ipcsRun) notFound() int {
	r.warn("id %d not found", r.id)
	return 0
}

// byID finds the object with an id. For an id below zero it takes the first object of the list: util-linux reads such
// an id as "every object".
func byID[T any](id int, stat func(int) (T, error), list func() ([]T, error)) (one T, found bool) {
	if id >= 0 {
		one, err := stat(id)
		return one, err == nil
	}
	all, _ := list()
	if len(all) == 0 {
		return one, false
	}
	return all[0], true
}

func (r *ipcsRun) msgDetail() int {
	q, found := byID(r.id, r.host.MsgStat, func() ([]sysv.MsgQueue, error) { return r.host.MsgQueues(false) })
	if !found {
		return r.notFound()
	}
	t := r.times()
	r.printf("\nMessage Queue msqid=%d\n", r.id)
	r.printf("uid=%d\tgid=%d\tcuid=%d\tcgid=%d\tmode=%s\n", q.UID, q.GID, q.CUID, q.CGID, octalC(q.Mode))
	c, qb := "cbytes=", "qbytes="
	if r.unit == unitHuman {
		c, qb = "csize=", "qsize="
	}
	// If the user may not read the queue, util-linux does not get qbytes and prints 0.
	qbytes, _ := r.host.MsgQBytes(r.id)
	r.printf("%s%s\t%s%s\tqnum=%d\tlspid=%d\tlrpid=%d\n", c, r.amount(q.CBytes), qb, r.amount(qbytes), int64(q.QNum),
		q.LSPid, q.LRPid)
	r.printf("send_time=%s\n", padded(t.orNever(q.STime)))
	r.printf("rcv_time=%s\n", padded(t.orNever(q.RTime)))
	r.printf("change_time=%s\n\n", padded(t.orNever(q.CTime)))
	return 0
}

func (r *ipcsRun) shmDetail() int {
	m, found := byID(r.id, r.host.ShmStat, func() ([]sysv.ShmSegment, error) { return r.host.ShmSegments(false) })
	if !found {
		return r.notFound()
	}
	t := r.times()
	r.printf("\nShared memory Segment shmid=%d\n", r.id)
	r.printf("uid=%d\tgid=%d\tcuid=%d\tcgid=%d\n", m.UID, m.GID, m.CUID, m.CGID)
	r.printf("mode=%s\taccess_perms=%s\n", octalC(m.Mode), octalC(m.Perms()))
	label := "bytes="
	if r.unit == unitHuman {
		label = "size="
	}
	r.printf("%s%s\tlpid=%d\tcpid=%d\tnattch=%d\n", label, r.amount(m.Size), uint32(m.LPid), uint32(m.CPid),
		int64(m.NAttch))
	r.printf("att_time=%s\n", padded(t.orNever(m.ATime)))
	r.printf("det_time=%s\n", padded(t.orNever(m.DTime)))
	r.printf("change_time=%s\n\n", padded(t.ctime(m.CTime)))
	return 0
}

func (r *ipcsRun) semDetail() int {
	set, err := r.host.SemStat(r.id)
	if err != nil {
		return r.notFound()
	}
	values, err := r.host.SemValues(r.id, int(set.NSems))
	if err != nil {
		return r.failErr("semctl(GETVAL) failed", err)
	}
	t := r.times()
	r.printf("\nSemaphore Array semid=%d\n", r.id)
	r.printf("uid=%d\t gid=%d\t cuid=%d\t cgid=%d\n", set.UID, set.GID, set.CUID, set.CGID)
	r.printf("mode=%s, access_perms=%s\n", octalC(set.Mode), octalC(set.Perms()))
	r.printf("nsems = %d\n", set.NSems)
	r.printf("otime = %s\n", padded(t.orNever(set.OTime)))
	r.printf("ctime = %s\n", padded(t.ctime(set.CTime)))
	r.print("semnum     value      ncount     zcount     pid       \n")
	for _, v := range values {
		line := append(r.row.number(int64(v.Num), 10), ' ').number(int64(v.Value), 10)
		line = append(line, ' ').number(int64(v.NCount), 10)
		line = append(line, ' ').number(int64(v.ZCount), 10)
		r.write(append(line, ' ').number(int64(v.Pid), 10))
	}
	r.print("\n")
	return 0
}

// amount writes a number of bytes in the run's unit, without a label.
func (r *ipcsRun) amount(n uint64) string {
	if r.unit == unitHuman {
		return humanSize(n)
	}
	return strconv.FormatUint(n, 10)
}

// padded cuts a time to 24 bytes and fills it to 26 (%-26.24s).
func padded(text string) string { return string(row(nil).leftCut(text, 26, 24)) }

// octalC writes a number like C's %#o: with a leading 0, and zero as a single 0.
func octalC(n uint32) string {
	if n == 0 {
		return "0"
	}
	return "0" + strconv.FormatUint(uint64(n), 8)
}
