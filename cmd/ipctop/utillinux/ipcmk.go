package utillinux

import (
	"math/rand/v2"
	"strconv"

	"github.com/ipctop/ipctop/collect/schema"
)

// ipcmk (man 1 ipcmk) makes objects. Every object of ours is new. util-linux can take an existing object with the same
// key or name, and cuts an existing POSIX segment to the new size.

// ipcmkRun is one command line of ipcmk: the kinds of objects to make, and their properties.
type ipcmkRun struct {
	*session
	direct Changes

	shm, msg, sem, pshm, pmsg, psem bool

	size   uint64
	nsems  int
	mode   int
	object string // the POSIX name
	named  bool
}

func ipcmkOptions() []option {
	return []option{
		{'M', "shmem", needsArg}, {'m', "posix-shmem", needsArg}, {'S', "semaphore", needsArg},
		{'s', "posix-semaphore", noArg},
		{'Q', "queue", noArg}, {'q', "posix-mqueue", noArg}, {'p', "mode", needsArg}, {'n', "name", needsArg},
		{'V', "version", noArg}, {'h', "help", noArg},
	}
}

func ipcmk(s *session) int {
	r := &ipcmkRun{session: s, direct: s.Changes(s.host, s.argv), mode: 0o644}
	if code, done := s.parse(ipcmkOptions(), ipcmkHelp, r.set); done {
		return code
	}
	posix := r.pshm || r.pmsg || r.psem
	switch {
	case !r.shm && !r.msg && !r.sem && !posix:
		r.warn("bad usage")
		return r.tryHelp()
	case posix && !r.named:
		r.warn("name is required for POSIX IPC")
		return r.tryHelp()
	}
	return r.create()
}

// set takes one option.
func (r *ipcmkRun) set(name, arg string) (code int, failed bool) {
	var err error
	switch name {
	case "shmem", "posix-shmem":
		if r.size, err = parseSize(arg); err != nil {
			return r.failNumber("failed to parse size", arg, err), true
		}
		r.shm, r.pshm = r.shm || name == "shmem", r.pshm || name == "posix-shmem"
	case "semaphore":
		if r.nsems, err = int32Arg(arg); err != nil {
			return r.failNumber("failed to parse elements", arg, err), true
		}
		r.sem = true
	case "posix-semaphore":
		r.psem = true
	case "queue":
		r.msg = true
	case "posix-mqueue":
		r.pmsg = true
	case "name":
		r.object, r.named = arg, true
	case "mode":
		n, rest, err := strtoul(arg, 8)
		if err == nil && rest != "" || arg == "" {
			// errno is 0 here in util-linux, so it prints "Success"
			return r.fail("failed to parse mode: Success"), true
		} else if err != nil {
			return r.failErr("failed to parse mode", err), true
		}
		r.mode = int(int32(n))
	}
	return 0, false
}

// create makes the objects in util-linux's order. It stops at the first failure.
func (r *ipcmkRun) create() int {
	for _, thing := range []struct {
		wanted bool
		what   string // the kind, in the message of a failure
		label  string // begins the line that names the new object
		create func() (string, error)
	}{
		{r.shm, "share memory", "Shared memory id", r.sysv(schema.Shm, r.size)},
		{r.pshm, "POSIX shared memory", "POSIX shared memory name", r.posix(func() error {
			return r.direct.CreatePosixShm(r.object, r.size, uint32(r.mode))
		})},
		{r.msg, "message queue", "Message queue id", r.sysv(schema.Msg, 0)},
		{r.pmsg, "POSIX message queue", "POSIX message queue name", r.posix(func() error {
			return r.direct.CreatePosixMsg(r.object, uint32(r.mode))
		})},
		{r.sem, "semaphore", "Semaphore id", r.sysv(schema.Sem, uint64(r.nsems))},
		{r.psem, "POSIX semaphore", "POSIX semaphore name", r.posix(func() error {
			return r.direct.CreatePosixSem(r.object, uint32(r.mode))
		})},
	} {
		if !thing.wanted {
			continue
		}
		name, err := thing.create()
		if err != nil {
			return r.failErr("create "+thing.what+" failed", err)
		}
		r.print(thing.label + ": " + name + "\n")
	}
	return 0
}

// sysv gives a function that makes a System V object with a random key. The function returns the id as text. size is in
// bytes, and for a set the number of semaphores.
func (r *ipcmkRun) sysv(kind schema.Kind, size uint64) func() (string, error) {
	return func() (string, error) {
		id, err := r.direct.Create(kind, size, r.mode, rand.Uint32)
		return strconv.Itoa(id), err
	}
}

// posix gives a function that makes a POSIX object. The function returns the name of -n.
func (r *ipcmkRun) posix(create func() error) func() (string, error) {
	return func() (string, error) { return r.object, create() }
}

func ipcmkHelp(name string) string {
	return `
Usage:
 ` + name + ` [options]

Create various IPC resources.

Options:
 -M, --shmem <size>       create shared memory segment of size <size>
 -m, --posix-shmem <size> create POSIX shared memory of size <size>
 -S, --semaphore <number> create semaphore array with <number> elements
 -s, --posix-semaphore    create POSIX semaphore
 -Q, --queue              create message queue
 -q, --posix-mqueue       create POSIX message queue
 -p, --mode <mode>        permission for the resource (default is 0644)
 -n, --name <name>        name of the POSIX resource, which needs one

 -h, --help               display this help
 -V, --version            display version

Arguments:
 <size> arguments may be followed by the suffixes for
   GiB, TiB, PiB, EiB, ZiB, and YiB (the "iB" is optional)

For more details see ipctop --help.
`
}
