package utillinux

import (
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// lsipcRow gives a row's cell in a column. The cell is unset if the column does not apply to the row.
type lsipcRow func(column string) cell

// list prints the table or the object, and gives the exit code.
func (r *lsipcRun) list() int {
	t := r.newTable()
	chosen := make([]lsipcColumn, len(r.names))
	for i, name := range r.names {
		chosen[i], _ = lsipcColumnNamed(name)
		t.columns = append(t.columns, scolumn{chosen[i].name, chosen[i].right, chosen[i].trunc && !r.noTruncate})
	}
	rows, elements, err := r.rows(t)
	if err != nil {
		return r.failErr("semctl(GETVAL) failed", err)
	}
	for _, row := range rows {
		line := make([]cell, len(r.names))
		for i, name := range r.names {
			line[i] = row(name)
		}
		t.rows = append(t.rows, line)
	}
	if r.mode == outPretty {
		r.pretty(t, chosen, elements)
	} else {
		r.print(t.render())
	}
	return 0
}

func (r *lsipcRun) newTable() *table {
	t := &table{mode: r.mode, noHeadings: r.noHeadings, shell: r.shell, utf8: utf8Locale(r.Getenv)}
	if r.Terminal != nil {
		if columns, ok := r.Terminal(); ok {
			t.width = terminalWidth(columns, r.Getenv("COLUMNS"))
		}
	}
	return t
}

// terminalWidth gives the terminal's own number of columns, or else the value of COLUMNS, or else 80.
func terminalWidth(columns int, variable string) int {
	if columns > 0 {
		return columns
	}
	if n, err := strconv.Atoi(variable); err == nil && n > 0 {
		return n
	}
	return 80
}

// utf8Locale is true if the locale's characters are UTF-8 (man 3 setlocale: LC_ALL before LC_CTYPE before LANG).
func utf8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := getenv(name); value != "" {
			value = strings.ToLower(value)
			return strings.HasSuffix(value, ".utf-8") || strings.HasSuffix(value, ".utf8")
		}
	}
	return false
}

// pretty prints the first row, with one line for each column. It prints the elements below the row, if there are any.
func (r *lsipcRun) pretty(t *table, columns []lsipcColumn, elements *table) {
	if len(t.rows) == 0 {
		return
	}
	for i, c := range t.rows[0] {
		if c.set {
			r.out.Write(append(row(nil).left(columns[i].title+":", 36).left(c.text, 36), '\n'))
		}
	}
	if elements != nil {
		r.print("Elements:\n\n" + elements.render())
	}
}

// rows gives the rows of t, and sets the name of t. For a semaphore set with an id it also gives a table of the set's
// semaphores.
func (r *lsipcRun) rows(t *table) (rows []lsipcRow, elements *table, err error) {
	if r.global {
		t.name = lsipcTable("global")
		return r.globalRows(), nil, nil
	}
	switch r.kind {
	case "msg":
		rows = r.msgRows()
	case "shm":
		rows = r.shmRows()
	case "sem":
		t.name = lsipcTable(r.kind)
		rows, elements, err = r.semRows()
	case "pmsg":
		rows = r.posixMsgRows()
	case "pshm":
		rows = r.posixShmRows()
	case "psem":
		rows = r.posixSemRows()
	}
	if len(rows) > 0 {
		t.name = lsipcTable(r.kind)
	}
	return rows, elements, err
}

// selected gives the object with the run's id, or all objects if the run has no id. If no object has the id, it warns.
// The exit code stays 0.
func selected[T any](r *lsipcRun, stat func(int) (T, error), list func() ([]T, error)) []T {
	if r.id < 0 {
		all, _ := list()
		return all
	}
	object, err := stat(r.id)
	if err != nil {
		r.warn("id %d not found", r.id)
		return nil
	}
	return []T{object}
}

// rowsOf makes a row of each object.
func rowsOf[T any](objects []T, cellOf func(object *T, column string) cell) []lsipcRow {
	var rows []lsipcRow
	for _, object := range objects {
		rows = append(rows, func(column string) cell { return cellOf(&object, column) })
	}
	return rows
}

func (r *lsipcRun) msgRows() []lsipcRow {
	list := func() ([]sysv.MsgQueue, error) { return r.host.MsgQueues(false) }
	return rowsOf(selected(r, r.host.MsgStat, list), r.msgCell)
}

func (r *lsipcRun) msgCell(q *sysv.MsgQueue, column string) cell {
	switch column {
	case "PERMS":
		if r.numericPerms {
			return cell{} // util-linux forgets the permissions of queues with -P
		}
	case "USEDBYTES":
		return r.bytesCell(q.CBytes)
	case "MSGS":
		return numberCell(q.QNum)
	case "SEND":
		return r.timeCell(q.STime)
	case "RECV":
		return r.timeCell(q.RTime)
	case "CTIME":
		return r.timeCell(q.CTime)
	case "LSPID":
		return pidCell(q.LSPid)
	case "LRPID":
		return pidCell(q.LRPid)
	}
	return r.permCell(&q.IPCPerm, column)
}

func (r *lsipcRun) shmRows() []lsipcRow {
	list := func() ([]sysv.ShmSegment, error) { return r.host.ShmSegments(false) }
	return rowsOf(selected(r, r.host.ShmStat, list), r.shmCell)
}

func (r *lsipcRun) shmCell(m *sysv.ShmSegment, column string) cell {
	switch column {
	case "SIZE":
		return r.bytesCell(m.Size)
	case "NATTCH":
		return numberCell(m.NAttch)
	case "STATUS":
		return textCell(shmStatus(m))
	case "ATTACH":
		return r.timeCell(m.ATime)
	case "DETACH":
		return r.timeCell(m.DTime)
	case "CTIME":
		return r.timeCell(m.CTime)
	case "COMMAND":
		return r.command(m.CPid)
	case "CPID":
		return pidCell(m.CPid)
	case "LPID":
		return pidCell(m.LPid)
	}
	return r.permCell(&m.IPCPerm, column)
}

func shmStatus(m *sysv.ShmSegment) string {
	var words []string
	if m.Dest() {
		words = append(words, "dest")
	}
	if m.Locked() {
		words = append(words, "locked")
	}
	return strings.Join(words, ",")
}

func (r *lsipcRun) semRows() (rows []lsipcRow, elements *table, err error) {
	sets := selected(r, r.host.SemStat, r.host.SemSets)
	if r.id >= 0 && len(sets) == 1 {
		elements, err = r.elements(&sets[0])
	}
	return rowsOf(sets, r.semCell), elements, err
}

func (r *lsipcRun) semCell(set *sysv.SemSet, column string) cell {
	switch column {
	case "NSEMS":
		return numberCell(set.NSems)
	case "OTIME":
		return r.timeCell(set.OTime)
	case "CTIME":
		return r.timeCell(set.CTime)
	}
	return r.permCell(&set.IPCPerm, column)
}

// elements gives the table of a set's semaphores. If the caller may not read them, the run fails, as in util-linux.
func (r *lsipcRun) elements(set *sysv.SemSet) (*table, error) {
	values, err := r.host.SemValues(set.ID, int(set.NSems))
	if err != nil {
		return nil, err
	}
	t := r.newTable()
	t.mode, t.noHeadings = outTable, false
	for _, name := range []string{"SEMNUM", "VALUE", "NCOUNT", "ZCOUNT", "PID", "COMMAND"} {
		t.columns = append(t.columns, scolumn{name: name, right: true})
	}
	for _, v := range values {
		t.rows = append(t.rows, []cell{
			numberCell(uint64(v.Num)), numberCell(uint64(v.Value)), numberCell(uint64(v.NCount)),
			numberCell(uint64(v.ZCount)),
			textCell(strconv.Itoa(int(v.Pid))), r.command(v.Pid),
		})
	}
	return t, nil
}
