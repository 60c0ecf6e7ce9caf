package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// newSignalCmd makes "ipctop signal".
func newSignalCmd(readOnly *bool) *cobra.Command {
	f := planFlags{readOnly: readOnly}
	var to string
	var list bool
	cmd := &cobra.Command{
		Use:   "signal [--yes | --dry-run] SIG REF... | SIG --where EXPR | --list",
		Short: "Signal processes, or all holders, readers, writers or waiters of an object",
		Long: `Send a signal to processes: those that REFs name (proc:4242; wait:4250 is a thread's process), and those at other objects that REFs name
(pipe:8841, shm:5): --to says which. SIG is a name or number: TERM, SIGTERM, 15, RTMIN+3. The signal goes through a pidfd, after the
process's start time was compared: a pid that was used again meanwhile is not signalled. Pid 1, kernel threads, zombies and ipctop itself are
refused; for one of ipctop's own ancestors, such as your shell, the pid has to be typed. --where looks at processes, without kernel threads
and ipctop itself.
` + planHelp,
		Example: `  ipctop signal TERM proc:4242
  ipctop signal KILL --to readers pipe:8841
  ipctop signal STOP --where 'user == "bob" and pcpu > 90'`,
		DisableFlagsInUseLine: true,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return signalNames(), cobra.ShellCompDirectiveNoFileComp
			}
			return completeRefs(func(schema.Kind) bool { return true })(cmd, args, word)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if list {
				return listSignals(cmd.OutOrStdout())
			}
			return runSignal(cmd, &f, actions.Side(to), args)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&to, "to", string(actions.Holders), "which processes of an object: "+strings.Join(sideNames(), ", "))
	cmd.Flags().BoolVar(&list, "list", false, "list all signals and what they do")
	_ = cmd.RegisterFlagCompletionFunc("to", cobra.FixedCompletions(sideNames(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func runSignal(cmd *cobra.Command, f *planFlags, to actions.Side, args []string) error {
	if len(args) == 0 {
		return usageErrorf("no signal named: say ipctop signal TERM REF; ipctop signal --list shows all")
	}
	if err := f.check(cmd, args[1:]); err != nil {
		return err
	}
	if !slices.Contains(actions.Sides(), to) {
		return usageErrorf("--to %q: say one of %s", views.Visible(string(to)), strings.Join(sideNames(), ", "))
	}
	sig, err := actions.ParseSignal(args[0])
	if err != nil {
		return usageErrorf("%s", views.Visible(err.Error()))
	}
	sels, err := parseRefs(args[1:])
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("to") && !slices.ContainsFunc(sels, func(s schema.Selector) bool { return s.Kind != schema.Proc && s.Kind != schema.Wait }) {
		return usageErrorf("--to says which processes of an object, and only processes are named here: leave it out, or name the object (pipe:8841)")
	}
	a, err := f.start(cmd, 0)
	if err != nil {
		return err
	}
	mechs := only(func(k schema.Kind) bool { return k == schema.Proc })
	refs, err := a.targets(sels, mechs)
	if err != nil {
		return err
	}
	plan, err := a.planner.Signal(sig, refs, to)
	if err != nil {
		return err
	}
	if plan, err = a.still(plan, mechs); err != nil {
		return err
	}
	return a.perform(plan)
}

func sideNames() []string {
	var names []string
	for _, s := range actions.Sides() {
		names = append(names, string(s))
	}
	return names
}

func signalNames() []string {
	var names []string
	for _, s := range actions.Signals() {
		names = append(names, cobra.CompletionWithDesc(s.Name, s.Says))
	}
	return names
}

func listSignals(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tNAME\tWHAT IT DOES")
	for _, s := range actions.Signals() {
		fmt.Fprintf(w, "%d\t%s\t%s\n", s.Number, s.Name, s.Says)
	}
	return w.Flush()
}
