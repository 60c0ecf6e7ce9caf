package utillinux

// ipcs (man 1 ipcs) lists System V objects.

// ipcsMode selects the properties that ipcs shows. The last mode on the command line wins.
type ipcsMode int

const (
	ipcsList ipcsMode = iota
	ipcsTime
	ipcsPID
	ipcsCreator
	ipcsLimits
	ipcsSummary
)

// unit is the unit of sizes in the output.
type unit int

const (
	unitDefault unit = iota
	unitBytes
	unitKB
	unitHuman
)

// ipcsRun is one command line of ipcs.
type ipcsRun struct {
	*session
	mode          ipcsMode
	unit          unit
	msg, shm, sem bool
	id            int
	hasID         bool

	row row
}

func ipcsOptions() []option {
	return []option{
		{'i', "id", needsArg}, {'q', "queues", noArg}, {'m', "shmems", noArg}, {'s', "semaphores", noArg},
		{'a', "all", noArg},
		{'t', "time", noArg}, {'p', "pid", noArg}, {'c', "creator", noArg}, {'l', "limits", noArg},
		{'u', "summary", noArg},
		{0, "human", noArg}, {'b', "bytes", noArg}, {'V', "version", noArg}, {'h', "help", noArg},
	}
}

func ipcs(s *session) int {
	r := &ipcsRun{session: s, row: make(row, 0, 256)}
	if code, done := s.parse(ipcsOptions(), ipcsHelp, r.set); done {
		return code
	}
	if r.hasID {
		if !r.oneKind() {
			return r.fail("when using an ID, a single resource must be specified")
		}
		return r.detail()
	}
	if !r.msg && !r.shm && !r.sem {
		r.msg, r.shm, r.sem = true, true, true
	}
	r.print("\n")
	for _, section := range []struct {
		wanted bool
		show   func()
	}{{r.msg, r.showMsg}, {r.shm, r.showShm}, {r.sem, r.showSem}} {
		if section.wanted {
			section.show()
			r.print("\n")
		}
	}
	return 0
}

// set takes one option.
func (r *ipcsRun) set(name, arg string) (code int, failed bool) {
	switch name {
	case "id":
		var err error
		if r.id, err = int32Arg(arg); err != nil {
			return r.failNumber("failed to parse id argument", arg, err), true
		}
		r.hasID = true
	case "all":
		r.msg, r.shm, r.sem = true, true, true
	case "queues":
		r.msg = true
	case "shmems":
		r.shm = true
	case "semaphores":
		r.sem = true
	case "time":
		r.mode = ipcsTime
	case "pid":
		r.mode = ipcsPID
	case "creator":
		r.mode = ipcsCreator
	case "limits":
		r.mode = ipcsLimits
	case "summary":
		r.mode = ipcsSummary
	case "human":
		r.unit = unitHuman
	case "bytes":
		r.unit = unitBytes
	}
	return 0, false
}

func (r *ipcsRun) oneKind() bool {
	n := 0
	for _, wanted := range []bool{r.msg, r.shm, r.sem} {
		if wanted {
			n++
		}
	}
	return n == 1
}

// write prints a line that was built in r.row.
func (r *ipcsRun) write(line row) {
	r.out.Write(append(line, '\n'))
	r.row = line[:0]
}

func ipcsHelp(name string) string {
	return `
Usage:
 ` + name + ` [resource-option...] [output-option]
 ` + name + ` -m|-q|-s -i <id>

Show information on IPC facilities.

Options:
 -i, --id <id>  print details on resource identified by <id>
 -h, --help     display this help
 -V, --version  display version

Resource options:
 -m, --shmems      shared memory segments
 -q, --queues      message queues
 -s, --semaphores  semaphores
 -a, --all         all (default)

Output options:
 -t, --time        show attach, detach and change times
 -p, --pid         show PIDs of creator and last operator
 -c, --creator     show creator and owner
 -l, --limits      show resource limits
 -u, --summary     show status summary
     --human       show sizes in human-readable format
 -b, --bytes       show sizes in bytes

For more details see ipctop --help.
`
}
