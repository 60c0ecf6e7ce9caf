package utillinux

import (
	"errors"
	"math"
	"strings"
	"syscall"

	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/schema"
)

// ipcrm (man 1 ipcrm) removes objects by id, key or name.
//
// As in util-linux, ipcrm obeys the options from left to right, and -a last. util-linux finds an operand without a
// meaning only after it has removed objects. Ours looks for such an operand first: "ipcrm -a shm", with a blank, would
// remove everything.

// ipcrmRun is one command line of ipcrm.
type ipcrmRun struct {
	*session
	direct  Changes
	verbose bool
	failed  bool
}

func ipcrmOptions() []option {
	return []option{
		{'m', "shmem-id", needsArg}, {'M', "shmem-key", needsArg}, {0, "posix-shmem", needsArg},
		{'q', "queue-id", needsArg}, {'Q', "queue-key", needsArg}, {0, "posix-mqueue", needsArg},
		{'s', "semaphore-id", needsArg}, {'S', "semaphore-key", needsArg}, {0, "posix-semaphore", needsArg},
		{'a', "all", mayHaveArg}, {'v', "verbose", noArg}, {'V', "version", noArg}, {'h', "help", noArg},
	}
}

func ipcrm(s *session) int {
	r := &ipcrmRun{session: s, direct: s.Changes(s.host, s.argv)}
	if len(s.argv) > 1 {
		switch kind := schema.Kind(s.argv[1]); kind {
		case schema.Shm, schema.Msg, schema.Sem:
			return r.oldForm(kind, s.argv[2:])
		}
	}
	if stray, found := r.strayOperand(); found {
		r.warn("unknown argument: %s", stray)
		return r.tryHelp()
	}
	return r.run()
}

// strayOperand finds the first operand. It only reads the command line.
func (r *ipcrmRun) strayOperand() (string, bool) {
	g := newGetopt(r.session, ipcrmOptions())
	for {
		name, _, _, err := g.next()
		if err != nil || name == "" || name == "help" || name == "version" {
			break
		}
	}
	if len(g.operands) == 0 {
		return "", false
	}
	return g.operands[0], true
}

// run obeys the options and gives the exit code.
func (r *ipcrmRun) run() int {
	var all []string
	g := newGetopt(r.session, ipcrmOptions())
	for {
		name, arg, has, err := g.next()
		if err != nil {
			return r.badOption(err)
		}
		switch name {
		case "":
			r.removeAll(all)
			return r.code()
		case "verbose":
			r.verbose = true
		case "help":
			r.print(ipcrmHelp(r.name))
			return 0
		case "version":
			return r.showVersion()
		case "all":
			if all = []string{"shm", "sem", "msg"}; has {
				if _, known := r.removers()[arg]; !known {
					return r.fail("unknown argument: %s", arg)
				}
				all = []string{arg}
			}
		default:
			if !r.removeOne(name, arg) {
				return 1
			}
		}
	}
}

// code gives the exit code: 1 if anything failed, else 0.
func (r *ipcrmRun) code() int {
	if r.failed {
		return 1
	}
	return 0
}

// removeOne removes the object that one option names. Like all functions that it calls, it returns true if the run goes
// on. The run goes on after most failures.
func (r *ipcrmRun) removeOne(name, arg string) (goesOn bool) {
	switch name {
	case "queue-id":
		return r.byID(schema.Msg, arg)
	case "semaphore-id":
		return r.byID(schema.Sem, arg)
	case "shmem-id":
		return r.byID(schema.Shm, arg)
	case "queue-key":
		return r.byKey(schema.Msg, arg)
	case "semaphore-key":
		return r.byKey(schema.Sem, arg)
	case "shmem-key":
		return r.byKey(schema.Shm, arg)
	case "posix-mqueue":
		return r.byName("message queue", arg, r.direct.RemovePosixMsg)
	case "posix-semaphore":
		return r.byName("semaphore", arg, r.direct.RemovePosixSem)
	default:
		return r.byName("shared memory", arg, r.direct.RemovePosixShm)
	}
}

func (r *ipcrmRun) byID(kind schema.Kind, arg string) (goesOn bool) {
	id, err := int32Arg(arg)
	if err != nil {
		r.failNumber("failed to parse argument", arg, err)
		return false
	}
	return r.remove(kind, id, "id")
}

// parseKey reads a key in hexadecimal, octal or decimal. The key is signed, as in the kernel, or unsigned, as ipcs
// shows it. A key that does not fit a key_t is ERANGE; util-linux cuts such a key to 32 bits and removes another
// object.
func parseKey(text string) (uint32, error) {
	n, rest, err := strtoul(text, 0)
	least, most := int64(0), int64(math.MaxUint32)
	if strings.HasPrefix(strings.TrimLeft(text, blank), "-") {
		least, most = math.MinInt32, 0
	}
	switch {
	case err != nil:
		return 0, err
	case rest != "" || text == "":
		return 0, errNotNumber
	case int64(n) < least || int64(n) > most:
		return 0, syscall.ERANGE
	}
	return uint32(n), nil
}

func (r *ipcrmRun) byKey(kind schema.Kind, arg string) (goesOn bool) {
	key, err := parseKey(arg)
	if err != nil {
		r.failNumber("failed to parse argument", arg, err)
		return false
	}
	if key == sysv.KeyPrivate {
		r.warn("illegal key (%s)", arg)
		r.failed = true
		return true
	}
	id, err := r.direct.Find(kind, key)
	if err == nil {
		return r.remove(kind, id, "key")
	}
	switch {
	case errors.Is(err, syscall.EACCES):
		r.warn("permission denied for key (%s)", arg)
	case errors.Is(err, syscall.EIDRM):
		r.warn("already removed key (%s)", arg)
	case errors.Is(err, syscall.ENOENT):
		r.warn("invalid key (%s)", arg)
	default:
		r.failErr("key failed", err)
		r.failed = true
		return false
	}
	r.failed = true
	return true
}

// remove removes one System V object. by names the way in which the option named the object, "id" or "key", for a
// warning.
func (r *ipcrmRun) remove(kind schema.Kind, id int, by string) (goesOn bool) {
	if r.verbose {
		r.printf("removing %s id `%d'\n", map[schema.Kind]string{
			schema.Msg: "message queue", schema.Sem: "semaphore", schema.Shm: "shared memory segment",
		}[kind], id)
	}
	err := r.direct.Remove(kind, id)
	switch {
	case err == nil:
		return true
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		r.warn("permission denied for %s (%d)", by, id)
	case errors.Is(err, syscall.EINVAL):
		r.warn("invalid %s (%d)", by, id)
	case errors.Is(err, syscall.EIDRM):
		r.warn("already removed %s (%d)", by, id)
	default:
		r.failErr(by+" failed", err)
		r.failed = true
		return false
	}
	r.failed = true
	return true
}

// byName removes the name of a POSIX object.
func (r *ipcrmRun) byName(what, name string, remove func(string) error) (goesOn bool) {
	if r.verbose {
		r.printf("removing POSIX %s `%s'\n", what, name)
	}
	err := remove(name)
	switch {
	case err == nil:
		return true
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		r.warn("permission denied for name `%s'", name)
	case errors.Is(err, syscall.ENOENT):
		r.warn("name `%s' not found", name)
	case errors.Is(err, syscall.ENAMETOOLONG):
		r.warn("name `%s' too long", name)
	default:
		r.failErr("name failed", err)
		r.failed = true
		return false
	}
	r.failed = true
	return true
}

// oldForm is ipcrm shm|msg|sem ID…, the form from before 1999. util-linux reads an empty word as id 0, and cuts an id
// to 32 bits. oldForm refuses both.
func (r *ipcrmRun) oldForm(kind schema.Kind, ids []string) int {
	if len(ids) == 0 {
		r.warn("not enough arguments")
		return r.tryHelp()
	}
	for _, arg := range ids {
		n, rest, err := strtoul(arg, 10)
		if err != nil || rest != "" || arg == "" || n > math.MaxInt32 && int64(n) >= 0 || int64(n) < math.MinInt32 {
			r.warn("invalid id: %s", arg)
			r.failed = true
			continue
		}
		if !r.remove(kind, int(int32(n)), "id") {
			return 1
		}
	}
	if !r.failed {
		r.print("resource(s) deleted\n")
	}
	return r.code()
}

func ipcrmHelp(name string) string {
	return `
Usage:
 ` + name + ` [options]
 ` + name + ` shm|msg|sem <id>...

Remove certain IPC resources.

Options:
 -m, --shmem-id <id>            remove shared memory segment by id
 -M, --shmem-key <key>          remove shared memory segment by key
     --posix-shmem <name>       remove POSIX shared memory by name
 -q, --queue-id <id>            remove message queue by id
 -Q, --queue-key <key>          remove message queue by key
     --posix-mqueue </name>     remove POSIX message queue by name
 -s, --semaphore-id <id>        remove semaphore by id
 -S, --semaphore-key <key>      remove semaphore by key
     --posix-semaphore <name>   remove POSIX semaphore by name
 -a, --all[=shm|msg|sem]        remove all (in the specified category)
     --all=pshm|pmsg|psem       remove all POSIX objects of a category
 -v, --verbose                  explain what is being done

 -h, --help                     display this help
 -V, --version                  display version

For more details see ipctop --help.
`
}
