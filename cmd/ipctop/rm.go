package main

import (
	"github.com/spf13/cobra"

	"github.com/ipctop/ipctop/actions"
)

// newRemoveCmd makes "ipctop rm".
func newRemoveCmd(readOnly *bool) *cobra.Command {
	f := planFlags{readOnly: readOnly}
	cmd := &cobra.Command{
		Use:   "rm [--yes | --dry-run] REF... | --where EXPR",
		Short: "Remove System V and POSIX queues, semaphores and shared memory",
		Long: `Remove objects (msg, sem, shm; pmsg, psem, pshm). It shows what will happen and who is affected, and asks; for an object in use, its
id or name has to be typed. Removing a System V queue or set takes effect at once, whoever uses it; an attached segment is marked and
goes away when the last process detaches. A POSIX object loses its name, and goes away when the last process that uses it is done.
A REF is KIND:ID, by key shm:key=0x1234, or by name pshm:/name; a key or name is looked up once, and what is removed is what was shown.
` + planHelp,
		Example: `  ipctop rm shm:32769
  ipctop rm --dry-run --where 'kind == "shm" and nattch == 0 and age > duration("7d")'
  ipctop rm --dry-run --where 'verdict == "orphan"' --grace 1d
  ipctop rm --yes msg:3 sem:key=0x1234 pmsg:/jobs`,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     completeRefs(actions.Removable),
		RunE:                  func(cmd *cobra.Command, args []string) error { return runRemove(cmd, &f, args) },
	}
	f.register(cmd)
	registerGrace(cmd.Flags(), &f.grace)
	return cmd
}

func runRemove(cmd *cobra.Command, f *planFlags, args []string) error {
	if err := f.check(cmd, args); err != nil {
		return err
	}
	age, err := graceOf(f.grace)
	if err != nil {
		return err
	}
	if f.where == "" && cmd.Flags().Changed("grace") {
		return usageErrorf("--grace goes with --where: it says which objects the column verdict calls orphans")
	}
	sels, err := parseRefs(args)
	if err != nil {
		return err
	}
	a, err := f.start(cmd, age)
	if err != nil {
		return err
	}
	mechs := only(actions.Removable)
	refs, err := a.targets(sels, mechs)
	if err != nil {
		return err
	}
	plan, err := a.planner.Remove(refs)
	if err != nil {
		return err
	}
	if plan, err = a.still(plan, mechs); err != nil {
		return err
	}
	return a.perform(plan)
}
