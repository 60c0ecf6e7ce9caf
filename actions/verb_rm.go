package actions

import "github.com/ipctop/ipctop/collect/schema"

func removeVerb() Verb {
	return Verb{
		Name: "rm", Title: "Remove", Done: "removed",
		Short: "Remove System V and POSIX queues, semaphores and shared memory, and stale FIFOs and socket paths",
		Long: "Remove objects (msg, sem, shm; pmsg, psem, pshm; fifo and unix if nobody uses the path). " +
			"It shows what will happen and who is affected, and asks; for an object in use, its\n" +
			"id or name has to be typed. Removing a System V queue or set takes effect at once, whoever uses it; " +
			"an attached segment is marked and\n" +
			"goes away when the last process detaches. A POSIX object loses its name, and goes away when the last " +
			"process that uses it is done.\n" +
			"A FIFO that nobody has open, or a path that no socket is bound to, is unlinked, if that still holds " +
			"right before.\n" +
			"A REF is KIND:ID, by key shm:key=0x1234, or by name pshm:/name; a key or name is looked up once, " +
			"and what is removed is what was shown.\n",
		Example: `  ipctop rm shm:32769
  ipctop rm --dry-run --where 'kind == "shm" and nattch == 0 and age > duration("7d")'
  ipctop rm --dry-run --where 'verdict == "orphan"' --grace 1d
  ipctop rm unix:/run/app.sock
  ipctop rm --yes msg:3 sem:key=0x1234 pmsg:/jobs`,
		Keys: "F8 Ctrl-D",
		Hint: func(schema.Kind, bool) string {
			return "remove the object, or the marked ones: " +
				"shows a plan and asks"
		},
		Kinds:   Removable,
		Can:     CanRemove,
		Lists:   removalLists,
		Instead: insteadOfRemoving,
		Saves:   true,
		Begin:   func() *Use { return &Use{Plan: (*Planner).Remove} },
	}
}
