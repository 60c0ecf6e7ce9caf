package utillinux

import (
	"slices"
	"strings"
)

// lsipc (man 1 lsipc) shows objects as tables, and the limits of the system.

// lsipcRun is one command line of lsipc.
type lsipcRun struct {
	*session
	kind      string   // the kind to list: msg, shm, sem, pmsg, pshm or psem; "" if the command line names none
	names     []string // of the columns to show
	output    string   // -o
	hasOutput bool
	global    bool
	creator   bool
	showTimes bool // -t
	mode      outMode
	hasMode   bool
	id        int
	object    string // -N
	named     bool

	noHeadings, noTruncate, shell, bytes, numericPerms bool

	format   timeFormat
	given    exclusive
	commands map[int32]cell // by pid
}

// lsipcNoID is the id of a run that asks for no object. An id of -1 on the command line means the same.
const lsipcNoID = -1

func lsipcOptions() []option {
	return []option{
		{'b', "bytes", noArg}, {'c', "creator", noArg}, {'e', "export", noArg}, {'g', "global", noArg},
		{'h', "help", noArg},
		{'i', "id", needsArg}, {'J', "json", noArg}, {'l', "list", noArg}, {'N', "name", needsArg},
		{'n', "newline", noArg},
		{0, "noheadings", noArg}, {0, "notruncate", noArg}, {'P', "numeric-perms", noArg}, {'o', "output", needsArg},
		{'Q', "posix-mqueues", noArg}, {'S', "posix-semaphores", noArg}, {'M', "posix-shmems", noArg},
		{'q', "queues", noArg}, {'r', "raw", noArg}, {'s', "semaphores", noArg}, {'m', "shmems", noArg},
		{'t', "time", noArg}, {0, "time-format", needsArg}, {'V', "version", noArg}, {'y', "shell", noArg},
	}
}

func lsipc(s *session) int {
	r := &lsipcRun{session: s, id: lsipcNoID, given: exclusive{}, commands: map[int32]cell{}}
	if code, done := s.parse(lsipcOptions(), lsipcHelp, r.set); done {
		return code
	}
	if r.kind == "" {
		if r.showTimes || r.creator || r.id != lsipcNoID || r.named {
			return r.fail("--global is mutually exclusive with --creator, --id and --time")
		}
		r.global = true
	}
	if code, failed := r.chooseColumns(); failed {
		return code
	}
	return r.list()
}

// set takes one option.
func (r *lsipcRun) set(name, arg string) (code int, failed bool) {
	if group := r.given.clash(name); group != nil {
		return r.fail("mutually exclusive arguments:%s", strings.Join(group, "")), true
	}
	var err error
	switch name {
	case "id":
		if r.id, err = int32Arg(arg); err != nil {
			return r.failNumber("failed to parse IPC identifier", arg, err), true
		}
	case "time-format":
		if !r.format.set(arg) {
			return r.fail("unknown time format: %s", arg), true
		}
	case "output":
		r.output, r.hasOutput = arg, true
	case "name":
		r.object, r.named = arg, true
	default:
		if !r.setSwitch(name) {
			return r.tooManyColumns(), true
		}
	}
	return 0, false
}

// setSwitch takes an option without an argument. It returns false if the option's columns exceed maxColumns.
func (r *lsipcRun) setSwitch(name string) bool {
	modes := map[string]outMode{"export": outExport, "json": outJSON, "list": outList, "newline": outNewline,
		"raw": outRaw}
	kinds := map[string]string{
		"queues": "msg", "shmems": "shm", "semaphores": "sem", "posix-mqueues": "pmsg", "posix-shmems": "pshm",
		"posix-semaphores": "psem",
	}
	if mode, ok := modes[name]; ok {
		r.mode, r.hasMode = mode, true
	}
	if kind, ok := kinds[name]; ok {
		r.kind = kind
		return r.add(lsipcDefaults(kind)...)
	}
	switch name {
	case "bytes":
		r.bytes = true
	case "creator":
		r.creator = true
	case "global":
		r.global = true
	case "noheadings":
		r.noHeadings = true
	case "notruncate":
		r.noTruncate = true
	case "numeric-perms":
		r.numericPerms = true
	case "time":
		r.showTimes = true
	case "shell":
		r.shell = true
	}
	return true
}

func (r *lsipcRun) add(names ...string) bool {
	r.names = append(r.names, names...)
	return len(r.names) <= maxColumns+1
}

func (r *lsipcRun) tooManyColumns() int {
	return r.fail("too many columns specified, the limit is %d columns", maxColumns)
}

// exclusive maps each group of exclusiveGroups to the option of the group that the command line has.
type exclusive map[string]string

// exclusiveGroups lists options that exclude one another, as the message names them. The first group that two options
// share counts. util-linux names -c in a group with -o and -t, but accepts -c with both.
func exclusiveGroups() []string {
	return []string{
		"json export list newline raw", "global id", "name global id", "creator output time",
		"shmems queues semaphores", "posix-shmems posix-mqueues posix-semaphores shmems queues semaphores",
	}
}

// clash takes an option. If an earlier option of the same group excludes it, clash gives the names of the group.
func (e exclusive) clash(name string) []string {
	if name == "creator" {
		return nil
	}
	for _, group := range exclusiveGroups() {
		names := strings.Fields(group)
		if !slices.Contains(names, name) {
			continue
		}
		before, found := e[group]
		if !found {
			e[group] = name
		} else if before != name {
			for i := range names {
				names[i] = " --" + names[i]
			}
			return names
		}
	}
	return nil
}

// chooseColumns works out the columns to show.
func (r *lsipcRun) chooseColumns() (code int, failed bool) {
	room := true
	if r.global {
		room = r.add(lsipcDefaults("global")...)
	}
	if (r.id != lsipcNoID || r.named) && !r.hasMode {
		r.mode = outPretty
	}
	switch {
	case r.mode == outPretty && !r.creator && !r.showTimes:
		r.names = nil
		for _, c := range lsipcColumns() {
			r.names = append(r.names, c.name)
		}
	default:
		room = room && r.addOptionColumns()
	}
	if !room {
		return r.tooManyColumns(), true
	}
	if !r.hasOutput {
		return 0, false
	}
	return r.parseOutput()
}

// addOptionColumns adds the columns of -c and -t. COMMAND stays last. It returns false if there are too many columns.
func (r *lsipcRun) addOptionColumns() bool {
	if r.creator {
		r.names = append(r.names, "CUID", "CGID")
		if !strings.HasPrefix(r.kind, "p") {
			r.names = append(r.names, "UID", "GID")
		}
	}
	if !r.showTimes {
		return r.add()
	}
	last := len(r.names) - 1
	if r.kind == "shm" && r.names[last] == "COMMAND" {
		r.names = append(r.names[:last:last], lsipcTimes(r.kind)...)
		return r.add("COMMAND")
	}
	return r.add(lsipcTimes(r.kind)...)
}

// parseOutput reads -o: names between commas. They replace the other columns; after a plus they come in addition. If a
// name is empty, the run ends with code 1 and no message, as in util-linux.
func (r *lsipcRun) parseOutput() (code int, failed bool) {
	list, besides := strings.CutPrefix(r.output, "+")
	if !besides {
		r.names = nil
	}
	if list == "" {
		return 1, true
	}
	kind := r.kind
	if r.global {
		kind = "global"
	}
	for rest := list; rest != ""; {
		word := rest
		comma := strings.IndexByte(rest, ',')
		if comma >= 0 && comma < len(rest)-1 {
			word = rest[:comma]
		}
		if word == "" {
			return 1, true
		}
		c, ok := lsipcColumnNamed(word)
		switch {
		case !ok:
			return r.fail("unknown column: %s", rest), true
		case !c.appliesTo(kind):
			return r.fail("column %s does not apply to the specified IPC", rest), true
		case len(r.names) > maxColumns:
			return 1, true
		}
		r.names = append(r.names, c.name)
		if rest = rest[len(word):]; rest != "" {
			rest = rest[1:]
		}
	}
	return 0, false
}

// lsipcColumnNamed finds a column by its name. Upper and lower case are the same.
func lsipcColumnNamed(name string) (lsipcColumn, bool) {
	for _, c := range lsipcColumns() {
		if strings.EqualFold(c.name, name) {
			return c, true
		}
	}
	return lsipcColumn{}, false
}
