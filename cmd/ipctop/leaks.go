package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
	"github.com/ipctop/ipctop/views/once"
)

// newLeaksCmd makes ipctop leaks, short for ipctop --once leaks.
func newLeaksCmd() *cobra.Command {
	cmd := newShortCmd(views.LeaksWord, "Show which objects are leaked, why, and what could be won",
		"leaks judges every object that outlives its users: System V and POSIX queues, semaphores and shared "+
			"memory, FIFOs, and paths of\n"+
			"UNIX sockets. It is short for \"ipctop --once leaks\", and takes the same flags and, "+
			"to look at some only, kinds\n"+
			"(msg, pmsg, sem, psem, shm, pshm, fifo, unix) and their families.\n"+
			"\n"+
			"  orphan     nobody uses it, nobody known to have used it lives, and nobody living could still know "+
			"it: no older process of its\n"+
			"             owner or creator. All three are proven, and it was last used longer ago than "+
			"the grace time.\n"+
			"  suspect    the first two are proven, the third is not; or it is younger than the grace time\n"+
			"  unknown    rights or sight are missing to tell\n"+
			"  idle       nobody uses it, but somebody known to have used it lives\n"+
			"  protected  a signature of known software, or one of your own, says that it is meant to "+
			"be there unused\n"+
			"  live       in use now; left out unless --where asks for it\n"+
			"\n"+
			"Each verdict has its reasons, and each orphan the command that removes it. More than three orphans of "+
			"one kind, owner and application are\n"+
			"written together, with one command. The last line is the command that removes all orphans. "+
			"With --exit-code it exits with 1 if there are orphans or, with\n"+
			"--where, rows; and with 3 if there are none, but what could not be read or judged may hide some.",
		`  ipctop leaks                                              everything, orphans first
  ipctop leaks shm sem                                      segments and semaphore sets
  ipctop leaks --where 'verdict == "orphan" and age > duration("1d")'
  ipctop leaks --exit-code >/dev/null || alert              for monitoring
  ipctop leaks --by owner                                   how many of whom
  ipctop leaks -o json | jq -r '.findings[].advice'         the commands that remove the orphans`,
		func(flags *pflag.FlagSet, f *onceFlags) {
			flags.StringVar(&f.by, "by", "",
				"only sums, a line for each of one of "+strings.Join(once.SumColumns(), ", "))
		})
	cmd.Flags().Lookup("where").Usage = `only rows for which the expression holds: 'verdict == "orphan" and age > ` +
		`duration("1d")'`
	cmd.Flags().Lookup("exit-code").Usage = "exit 1 if there are orphans or, with --where, if there were rows; " +
		"3 if some may be unseen"
	cmd.Use, cmd.Args, cmd.ValidArgsFunction = "leaks [KIND|FAMILY...]", cobra.ArbitraryArgs, completeLeaks
	return cmd
}

// completeLeaks proposes the arguments of leaks: the kinds that have verdicts, and their families.
func completeLeaks(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return kindNames(views.HasVerdicts), cobra.ShellCompDirectiveNoFileComp
}

// keepLeaks drops the rows without a verdict. Without --where it also drops the objects in use.
func keepLeaks(s *once.Section) {
	s.Rows = slices.DeleteFunc(s.Rows, func(o *schema.Object) bool {
		return views.Unjudged(s.Mechanism, o) || s.Where == nil && views.VerdictOf(s.Mechanism, o) == relate.Live
	})
}

// orphans counts the rows that set --exit-code: with --where all rows, without it the orphans.
func orphans(s *once.Section) (n int) {
	for _, o := range s.Rows {
		if s.Where != nil || views.VerdictOf(s.Mechanism, o) == relate.Orphan {
			n++
		}
	}
	return n
}

// checkBy checks --by. The sums are a table for people: jq adds up what JSON has.
func (f *onceFlags) checkBy() error {
	switch {
	case f.by == "":
		return nil
	case !slices.Contains(once.SumColumns(), f.by):
		return usageErrorf("--by %q: say one of %s", views.Visible(f.by), strings.Join(once.SumColumns(), ", "))
	case f.output != "table" || f.columns != "":
		return usageErrorf("--by makes a table of its own: leave out --output and --columns")
	}
	return nil
}

// withColumn adds a column of the kind if it is missing. "" adds nothing.
func withColumn(m *kinds.Mechanism, columns []schema.Column, id string) []schema.Column {
	c, ok := m.Column(id)
	if !ok || slices.ContainsFunc(columns, func(has schema.Column) bool { return has.ID == id }) {
		return columns
	}
	return append(slices.Clone(columns), *c)
}

// leakOptions sets the options of the view of leaks. words are the kinds that the person named, mechs those that the
// words select.
func (f *onceFlags) leakOptions(o *once.Options, words []string, mechs []*kinds.Mechanism) {
	o.By = f.by
	if f.root != "" {
		return
	}
	if uid := sys.EffectiveUID(); uid != 0 {
		me := uint32(uid)
		o.User = &me
	}
	o.Removal = &once.Removal{AllNamespaces: f.all, Where: f.where}
	if f.graceGiven {
		o.Removal.Grace = f.grace
	}
	if len(words) > 0 {
		for _, m := range mechs {
			o.Removal.Kinds = append(o.Removal.Kinds, m.Kind)
		}
	}
}
