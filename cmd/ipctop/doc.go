// Command ipctop shows the inter-process communication objects of a Linux machine, and acts on them.
//
// This page is the map of the program for whoever changes it. .github/CONTRIBUTING.md says how to add things.
//
// # The rooms
//
// Each package is a room. A room knows only rooms below it. imports_test.go holds the rules.
//
//	cmd/ipctop              command line, exit codes, this map
//	cmd/ipctop/utillinux    ipcs, ipcrm, ipcmk and lsipc as util-linux has them
//	views/tui               the dashboard: rooms with keys, drawn from a Snapshot
//	views/once              outputs for scripts: table, JSON, JSON lines, CSV
//	views                   tables, filters and pages that both share
//	actions                 verbs, plans, the journal: the only way to change the machine
//	demo                    sample objects in worker processes; knows the kernel room and no collector
//	collect                 the flow: Collector, Sampler, Snapshot, the lists of kinds and aspects
//	  waits                 the kind wait: who waits for whom, deadlocks, root causes
//	  doctor                checks of a whole machine
//	  leaks                 aspect: is an object leaked, and why
//	  content               aspect: what queues and memory hold
//	  ftok                  aspect: of which file a key was made
//	  software              aspect: whose software an object is
//	  kinds                 one file per kind: what the kernel says of its objects
//	  proc                  the one walk over /proc, and what it knows of processes
//	  relate                graphs, deadlocks and leak rules, as pure functions
//	  kernel                two doors: Host reads the machine, Admin changes it
//	    sysv posix sock     one room per subsystem
//	    process fdinfo namespace
//	    machine vfs
//	    undo bpf            SEM_UNDO by a BPF program; the loader, which knows no semaphores
//	    scan sys            texts taken apart; the machine's root, errors, raw calls
//	  schema                the words that all rooms share: Ref, Value, Column, Object, Edge, Finding, Fault
//
// Who may import whom, lowest first:
//
//	schema, relate ─ kernel rooms ─ kernel ─ proc ─ kinds ─ software ─ ftok ─ leaks
//	                                               kinds ─ content, waits; leaks ─ doctor
//	all of these ─ collect ─ views ─ views/once, views/tui        collect ─ actions ─ views/tui
//	all of these ─ cmd/ipctop
//
// Packages whose names end in "test" (collecttest, kerneltest) are for tests alone.
//
// # The path of a shmid, from the kernel to its removal
//
//	kernel/sysv      ShmSegments reads /proc/sysvipc/shm: a sysv.ShmSegment
//	kernel           Host.ShmSegments is the door
//	kinds/shm.go     collectShm makes a ShmRow of it, with mappers from the walk; Ref{shm, ID, Gen: ctime}
//	collect          the lister calls Shm's Collect once a tick; aspects put notes on the Object; a Snapshot is published
//	views            columns turn the row into cells; --where and keys choose objects; their Refs go on
//	actions          removeShm looks the segment up again, takes the verdict as leaks.VerdictOf, and plans a Step
//	                 Plan.Lines shows the plan; Plan.Run writes the intent, compares the identity again, removes
//	kernel           Admin.ShmRemove calls shmctl(IPC_RMID); the journal gets the result
//
// # The path of a pid to a verdict
//
//	kernel/process   Dir reads stat, status, maps, fd of one process
//	proc             the walk makes a Process of it: pid with start time, its descriptors, mappings and namespaces
//	proc             CreatorState says of a recorded pid: alive, dead, reused, outside, unknown
//	leaks            evidence gathers who uses the object, who used it, who could know it, and who cannot be seen
//	relate           Judge turns the evidence into a Judgement: live, orphan, …, with its reasons
//	leaks            the Judgement is the object's note; columns verdict and reasons read it; so do plans and doctor
//
// # Glossary
//
//	kind          a sort of object, in util-linux's short words: shm, sem, pipe
//	mechanism     the value that describes, collects and relates one kind (kinds.Mechanism)
//	aspect        a value that adds a judgement to objects of several kinds (kinds.Aspect)
//	note          the typed place on an object where an aspect leaves its result (schema.Note)
//	row           what a kind knows of one object; columns read rows and notes
//	ref           an object's identity: kind, number or name, namespace, and the life of the number
//	need          what a column costs to read, as a bit; a tick reads the union of all that is asked for
//	cost          a need with the name that --list-columns shows
//	tick          one look at the machine, with one walk over /proc (proc.Tick)
//	memo          a result that a tick works out at most once (proc.Memo)
//	kept          what one tick leaves for the next (proc.Kept)
//	descriptor    a row of the table that tells descriptors by link text and fdinfo (proc.Descriptor)
//	edge          a relation of two objects, with its proof: observed or inferred
//	verdict       what leaks says of an object: orphan, live, …
//	fault         what could not be read, and why; no verdict stands on it
//	verb          a deed: signal, rm (actions.Verb)
//	plan          what a verb would do, to whom; it is shown before anything is done
//	room          a package; in the dashboard, what has the keyboard
package main
