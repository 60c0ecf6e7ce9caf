// Command ipctop shows the inter-process communication objects of a Linux machine, and acts on them.
//
// This page is the map for people who change the program. .github/CONTRIBUTING.md says how to add kinds, columns,
// verbs.
//
// # The rooms
//
// Each package is a room. A room imports only rooms below it. imports_test.go checks this.
//
//	cmd/ipctop              command line, exit codes, this map
//	cmd/ipctop/utillinux    ipcs, ipcrm, ipcmk and lsipc, with the output of util-linux
//	views/tui               the dashboard: tables, pages and menus with keys, drawn from Snapshots
//	views/once              outputs for scripts: table, JSON, JSON lines, CSV
//	views                   tables, filters and pages for tui and once
//	actions                 verbs, plans, the journal: the only way to change objects of other programs
//	demo                    sample objects in worker processes; imports no collector
//	collect                 the flow: Collector, Sampler, Snapshot, and the lists of kinds and aspects
//	  waits                 the kind wait: waiting threads and their holders, deadlocks, root causes
//	  doctor                the checks of ipctop doctor
//	  leaks                 aspect: the verdict if an object is leaked, with reasons
//	  content               aspect: the content of queues and memory
//	  containers            aspect: the containers and systemd units of an object's users
//	  ftok                  aspect: the files that give the key of an object
//	  software              aspect: the software that uses an object
//	  kinds                 the other kinds, one file per kind: the kernel's facts about their objects
//	  proc                  the one walk over the processes in a tick; its sources are /proc and BPF
//	  relate                graphs, deadlocks and leak rules, as pure functions
//	  kernel                two doors: Host reads the machine, Admin changes it
//	    sysv posix sock     one room per subsystem
//	    process fdinfo namespace
//	    machine vfs own     own: the files that ipctop keeps for its user
//	    account             names of users and groups
//	    undo blocker bpf    undo reads SEM_UNDO, blocker the kernel's own locks; bpf loads their programs
//	    openfile task       the open files of all threads, and the threads, by programs of bpf
//	    scan sys            scan parses texts; sys has the root directory, errors, raw calls
//	  schema                the types that rooms share: Ref, Value, Column, Object, Edge, Finding, Fault
//
// A room may import rooms to its left; mayImport in imports_test.go has the full lists:
//
//	schema ─ relate                                                   schema imports no room
//	kernel rooms ─ kernel                                             both import neither schema nor relate
//	schema, kernel ─ proc ─ kinds ─ software ─ ftok ─ leaks ─ doctor  leaks and doctor may also import relate
//	                        kinds ─ content, containers, waits        waits may also import relate
//	all rows above ─ collect ─ views ─ views/once, views/tui          the three views import no kernel and no proc
//	                 collect ─ actions ─ views/tui
//	schema, kernel ─ demo
//	schema, kernel ─ cmd/ipctop/utillinux ─ cmd/ipcs
//	all rows above ─ cmd/ipctop
//
// Only tests import the packages collecttest and kerneltest.
//
// # The path of a shmid, from the kernel to its removal
//
//	kernel/sysv      ShmSegments reads /proc/sysvipc/shm and gives a sysv.ShmSegment for each segment
//	kernel           Host.ShmSegments calls it; the rooms above read the machine only through Host
//	kinds/shm.go     collectShm makes a ShmRow with the mappers from the walk; its Ref has the id, and the ctime as
//	                 Gen
//	collect          the lister calls Shm's Collect once a tick; aspects put notes on the Object; Take returns a
//	                 Snapshot
//	views            columns turn the row into cells; --where or a key chooses objects; their Refs go to actions
//	actions          removeShm reads the segment again and makes a Step; the Step gets the verdict from
//	                 leaks.VerdictOf
//	                 Plan.Lines is the text of the plan; Plan.Run writes the intents, asks the reasons again, saves
//	                 the content, compares the segment once more, removes
//	kernel           Admin.ShmRemove calls shmctl(IPC_RMID); Plan.Run writes the result into the journal
//	actions          Undo reads what was saved, and its plan makes the segment again with its id
//
// # The path of a pid to a verdict
//
//	kernel/process   Dir reads stat, status, maps and fd of one process
//	proc             the walk makes a Process: pid and start time, descriptors, mappings, namespaces
//	proc             CreatorState judges a pid that the kernel recorded: alive, dead, reused, outside, unknown
//	leaks            the evidence lists the present, past and possible users, and says if some cannot be seen
//	relate           Judge turns the evidence into a Judgement: a verdict such as live or orphan, with its reasons
//	leaks            the Judgement is a note on the object; the columns verdict and reasons, plans and doctor read it
//
// # Glossary
//
//	kind          a sort of objects, by a short word: shm, sem, pipe (schema.Kind)
//	mechanism     the value that describes, collects and relates one kind (kinds.Mechanism)
//	aspect        a value that adds a judgement to objects of several kinds (kinds.Aspect)
//	note          the typed place on an object where an aspect leaves its result (schema.Note)
//	row           the facts about one object, in a type of its kind; columns read rows and notes
//	ref           an object's identity: kind, number or name, namespace, and Gen for reused numbers (schema.Ref)
//	need          a bit for a source to read; each column names its needs, and a tick reads the union (schema.Need)
//	cost          a need with its name in --list-columns (schema.Cost)
//	tick          one look at the machine, with one walk over /proc (proc.Tick)
//	memo          a result that a tick works out at most once (proc.Memo)
//	kept          a value that one tick keeps for the next (proc.Keep, proc.Kept)
//	descriptor    the declaration of how a kind recognises its descriptors, by link and fdinfo (proc.Descriptor)
//	edge          a relation of two objects, with its proof: observed or inferred (schema.Edge)
//	verdict       the result of leaks for an object: orphan, live, … (relate.Leak)
//	fault         a source that could not be read, and why (schema.Fault)
//	verb          an action on objects: signal, rm, set, close (actions.Verb)
//	plan          the steps of a verb and whom they affect; a person sees the plan before the deed (actions.Plan)
//	reason        the reason why a plan has a step; Plan.Run asks it again after the answer (actions.Reason)
//	way back      what a step saves before its deed, for undo (wayBack in actions)
//	room          a package; in views/tui, a part of the screen that takes the keys
package main
