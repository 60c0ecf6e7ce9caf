package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// saveFlags say what is kept for ipctop undo.
type saveFlags struct {
	off         bool
	limit, keep string
}

func (f *saveFlags) register(flags *pflag.FlagSet) {
	flags.BoolVar(&f.off, "no-save", false, "keep no copy of what is removed: ipctop undo cannot make it again")
	flags.StringVar(&f.limit, "save-limit", "256M", "save what an object holds up to this `size`")
	f.registerKeep(flags)
}

func (f *saveFlags) registerKeep(flags *pflag.FlagSet) {
	flags.StringVar(&f.keep, "keep", "7d", "remove what is saved after this `time`")
}

// saving reads the flags. A flag that the command does not have is "" and unchanged.
func (f *saveFlags) saving(flags *pflag.FlagSet) (actions.Saving, error) {
	s := actions.Saving{Off: f.off}
	var err error
	if f.limit != "" || flags.Changed("save-limit") {
		if s.Limit, err = schema.ParseSize(f.limit); err != nil || s.Limit == 0 {
			return s, usageErrorf("--save-limit %q: say a size such as 256M; --no-save saves nothing",
				views.Visible(f.limit))
		}
	}
	if f.keep != "" || flags.Changed("keep") {
		if s.Keep, err = views.ParseDuration(f.keep); err != nil || s.Keep <= 0 {
			return s, usageErrorf("--keep %q: say a time such as 7d", views.Visible(f.keep))
		}
	}
	return s, nil
}

// undoFlags are the flags of ipctop undo.
type undoFlags struct {
	planFlags
	list   bool
	output string
}

func newUndoCmd(readOnly *bool) *cobra.Command {
	f := undoFlags{planFlags: planFlags{readOnly: readOnly}}
	cmd := &cobra.Command{
		Use:   "undo [--yes | --dry-run] [N] | undo --list",
		Short: "Make again what ipctop removed, with its id, key, owner, permissions and content; set back what it set",
		Long: "Make the objects of a plan again, by default of the last one: System V queues with their messages in " +
			"order, sets with their values,\n" +
			"segments and POSIX shared memory with what they held, POSIX semaphores and queues. Before rm removes " +
			"anything, it saves that in\n" +
			"$XDG_STATE_HOME/ipctop/saved (default ~/.local/state), where only the user may read it. It goes after " +
			"seven days (--keep), at the next deed\n" +
			"or undo. rm --no-save saves nothing.\n" +
			"\n" +
			"The same id takes root (CAP_CHECKPOINT_RESTORE) and a kernel with kernel.shm_next_id; else it is " +
			"another one, and the plan says so. Where\n" +
			"the id, key or name is taken meanwhile, the object is refused. What cannot be as before: times, the " +
			"creator, who was attached or waited,\n" +
			"SEM_UNDO. After set, the old values are set again, unless somebody has changed them since. Signals and " +
			"close cannot be undone.\n" + planHelp,
		Example: `  ipctop undo --list
  ipctop undo
  ipctop undo --dry-run 7`,
		DisableFlagsInUseLine: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageErrorf("undo takes the number of one plan: see ipctop undo --list")
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, args []string) error { return f.runE(cmd, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.list, "list", false, "list the plans that can be undone")
	flags.StringVarP(&f.output, "output", "o", "text", "with --list: text or json")
	flags.BoolVarP(&f.dryRun, "dry-run", "n", false, "show the plan and do nothing, whatever else is said")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	f.saving.registerKeep(flags)
	return cmd
}

func (f *undoFlags) runE(cmd *cobra.Command, args []string) error {
	number, err := f.number(cmd, args)
	if err != nil {
		return err
	}
	a, err := f.start(cmd, 0)
	if err != nil {
		return err
	}
	if f.list {
		return f.listPlans(cmd, a.planner)
	}
	plan, err := a.planner.Undo(number)
	if err != nil {
		return err
	}
	defer plan.Close()
	return a.perform(plan)
}

// number gives the number of the plan; 0 stands for the last one.
func (f *undoFlags) number(cmd *cobra.Command, args []string) (int, error) {
	if err := checkTextOrJSON(f.output); err != nil {
		return 0, err
	}
	switch {
	case f.list && len(args) > 0:
		return 0, usageErrorf("--list and %s together: say one of them", views.Visible(args[0]))
	case !f.list && cmd.Flags().Changed("output"):
		return 0, usageErrorf("--output goes with --list")
	case !f.list && readOnly(*f.readOnly):
		return 0, usageErrorf("%v (--read-only or IPCTOP_READONLY=1)", actions.ErrReadOnly)
	case len(args) == 0:
		return 0, nil
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 1 {
		return 0, usageErrorf("%q is no number of a plan: see ipctop undo --list", views.Visible(args[0]))
	}
	return n, nil
}

// savedJSON is the JSON document of ipctop undo --list.
type savedJSON struct {
	Version int                 `json:"schema_version"`
	Plans   []actions.SavedPlan `json:"plans"`
}

func (f *undoFlags) listPlans(cmd *cobra.Command, planner *actions.Planner) error {
	plans, err := planner.Saved()
	write := writeSaved
	if f.output == "json" {
		write = writeSavedJSON
	}
	if writeErr := write(cmd.OutOrStdout(), plans); writeErr != nil {
		return errors.Join(err, fmt.Errorf("standard output: %w", writeErr))
	}
	if err == nil && len(plans) == 0 && f.output == "text" {
		fmt.Fprintln(cmd.ErrOrStderr(), "ipctop: nothing is saved")
	}
	return err
}

func writeSaved(out io.Writer, plans []actions.SavedPlan) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	if len(plans) > 0 {
		fmt.Fprintln(w, "N\tTIME\tWHO\tPLAN\tOBJECT\tHELD\tSTATE")
	}
	for _, p := range plans {
		for _, o := range p.Objects {
			state := "saved"
			if o.Undone {
				state = "made again"
			} else if o.Unsaved != "" {
				state = "saved without " + o.Unsaved
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", p.Number, p.Time.Local().Format(time.DateTime),
				views.Visible(p.User), views.Visible(p.Title), views.Visible(o.Ref), views.Size(o.Bytes),
				views.Visible(state))
		}
	}
	return w.Flush()
}

func writeSavedJSON(out io.Writer, plans []actions.SavedPlan) error {
	return views.WriteJSON(out, savedJSON{1, append([]actions.SavedPlan{}, plans...)}, "  ")
}
