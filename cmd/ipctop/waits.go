package main

import (
	"github.com/spf13/cobra"

	"github.com/ipctop/ipctop/collect/kinds"
)

// newWaitsCmd makes ipctop waits, short for ipctop --once waits.
func newWaitsCmd() *cobra.Command {
	cmd := newShortCmd(string(kinds.Waits), "Show who waits on whom, what is stuck, and why",
		"waits shows the threads that wait for others, as a tree: root causes first, then who hangs on them. "+
			"It is short for\n"+
			"\"ipctop --once waits\", and takes the same flags. What is called stuck, deadlocked or held by a "+
			"stopped process was so in two samples.\n"+
			"Loops that wait for whatever comes, idle threads and shells that wait for their commands are left out, "+
			"unless --where asks for them\n"+
			"('--where true' shows all). With --exit-code it exits with 1 if something is stuck or a warning says "+
			"that it may be\n"+
			"(possible deadlock) or, with --where, if there are rows; and with 3 if nothing is, but what could not "+
			"be read may hide it.",
		`  ipctop waits                                      the tree
  ipctop waits --where 'status == "deadlock"'       deadlocks alone
  ipctop waits --exit-code >/dev/null || alert      for monitoring
  ipctop waits --stack                              where in the kernel, and where in the program
  ipctop waits -o json                              with edges and findings`)
	cmd.Flags().Lookup("where").Usage = `only rows for which the expression holds: 'comm == "postgres" and waiting ` +
		`> duration("1m")'`
	cmd.Flags().Lookup("sort").Usage = `columns to sort by, "-" in front for downwards: "-waiting,comm"`
	cmd.Flags().Lookup("exit-code").Usage = "exit 1 if something is or may be stuck or, with --where, if there were " +
		"rows; 3 if some may be unseen"
	_ = cmd.Flags().MarkHidden("grace") // no wait has a verdict; an error would mean that the flag does not exist
	return cmd
}
