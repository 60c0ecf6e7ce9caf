package main

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
	"github.com/ipctop/ipctop/views/once"
)

// cleanCmd is ipctop clean: the removal of all orphans that it is told to take.
type cleanCmd struct {
	planFlags
	of    map[string]*[]string // the values of --owner, --app and --container
	by    string
	older string
	most  int // --max; 0: no limit
}

func newCleanCmd(readOnly *bool) *cobra.Command {
	c := &cleanCmd{planFlags: planFlags{readOnly: readOnly}, of: map[string]*[]string{}}
	cmd := &cobra.Command{
		Use:   "clean [--yes] [KIND|FAMILY...]",
		Short: "Remove every orphan: shows what would go and what that wins, and removes with --yes",
		Long: "clean removes the objects that \"ipctop leaks\" calls orphans. It takes no other verdict. " +
			"Without --yes it only prints what it would remove,\n" +
			"and what that wins. Kinds (msg, pmsg, sem, psem, shm, pshm, fifo, unix), their families and the flags " +
			"narrow the choice; all must hold.\n" +
			"\n" +
			"More than ten objects are written by kind, owner, application and container; \"ipctop leaks\" has the " +
			"reasons of each. An ordinary user\n" +
			"cleans his own objects; the orphans of others are counted on stderr.\n" +
			"\n" +
			"With --yes each object is judged again right before its removal. What is no orphan any more is refused, " +
			"and it says why. The plan and\n" +
			"the results stand in the journal. If more orphans than --max are found, nothing is removed.\n" +
			"\n" +
			"Exit codes: 0 all done, or there is no orphan; 1 nothing done (all refused, more than --max); 2 usage, " +
			"--read-only; 3 done in part: some\n" +
			"were refused, or objects could not be judged or read. Without --yes: what would be done.",
		Example: `  ipctop clean                                    what would go, and what that wins
  ipctop clean --by owner                         how many of whom
  ipctop clean sem --owner apache --yes           the semaphore sets that Apache left
  ipctop clean --yes --older 1d --max 100         for cron`,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     completeLeaks,
		RunE:                  c.run,
	}
	c.register(cmd)
	return cmd
}

func (c *cleanCmd) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	c.planFlags.register(cmd)
	c.saving.register(cmd.Flags())
	flags.Lookup("where").Usage = "only orphans for which the expression holds"
	flags.Lookup("all-namespaces").Usage = "orphans of every namespace that can be entered"
	flags.Lookup("dry-run").Usage = "remove nothing, whatever else is said"
	flags.Lookup("yes").Usage = "remove them"
	for _, column := range once.SumColumns() {
		c.of[column] = flags.StringArray(column, nil, "only orphans of this "+column+"; may be said more than once")
		_ = cmd.RegisterFlagCompletionFunc(column, cobra.NoFileCompletions) // see planFlags.register
	}
	flags.StringVar(&c.by, "by", "",
		"write only sums, a line for each of one of "+strings.Join(once.SumColumns(), ", "))
	flags.StringVar(&c.older, "older", "", "only orphans whose last use is longer ago than this `age`: 1h, 7d")
	flags.IntVar(&c.most, "max", 0, "remove nothing if there are more than `N`")
	registerGrace(flags, &c.grace)
	complete := cobra.FixedCompletions(once.SumColumns(), cobra.ShellCompDirectiveNoFileComp)
	_ = cmd.RegisterFlagCompletionFunc("by", complete)
}

// check finds mistakes of usage, and returns the age below which nothing is an orphan.
func (c *cleanCmd) check(cmd *cobra.Command) (time.Duration, error) {
	flags := cmd.Flags()
	switch {
	case readOnly(*c.readOnly):
		return 0, usageErrorf("%v (--read-only or IPCTOP_READONLY=1)", actions.ErrReadOnly)
	case flags.Changed("where") && c.where == "":
		return 0, usageErrorf("--where is empty: leave it out to take every orphan")
	case flags.Changed("max") && c.most < 1:
		return 0, usageErrorf("--max %d: say 1 or more", c.most)
	case flags.Changed("by") && !slices.Contains(once.SumColumns(), c.by):
		return 0, usageErrorf("--by %q: say one of %s", views.Visible(c.by), strings.Join(once.SumColumns(), ", "))
	}
	for _, column := range once.SumColumns() {
		if slices.ContainsFunc(*c.of[column], func(s string) bool { return !utf8.ValidString(s) }) {
			return 0, usageErrorf("--%s: it is not UTF-8", column)
		}
	}
	age, err := graceOf(c.grace)
	if err != nil || !flags.Changed("older") {
		return age, err
	}
	older, err := views.ParseDuration(c.older)
	switch {
	case err != nil:
		return 0, usageErrorf("--older: %v", err)
	case older < 0:
		return 0, usageErrorf("--older %s: a time cannot be less than 0s", c.older)
	}
	return max(age, older), nil
}

// conditions are what an orphan must meet besides its verdict, in the language of --where.
func (c *cleanCmd) conditions() []string {
	var all []string
	for _, column := range once.SumColumns() {
		var quoted []string
		for _, name := range *c.of[column] {
			quoted = append(quoted, strconv.Quote(name))
		}
		if len(quoted) > 0 {
			all = append(all, column+" in ["+strings.Join(quoted, ", ")+"]")
		}
	}
	if c.where != "" {
		all = append(all, "("+c.where+")")
	}
	return all
}

func (c *cleanCmd) run(cmd *cobra.Command, words []string) error {
	age, err := c.check(cmd)
	if err != nil {
		return err
	}
	mechs, err := views.SelectLeaks(words)
	if err != nil {
		return err
	}
	if c.where != "" { // an error shows the person's own words
		if _, err := views.CompileWhere(mechs, c.where); err != nil {
			return err
		}
	}
	more := c.conditions()
	look := onceFlags{leaks: true, output: "table", all: c.all, grace: c.grace,
		where: strings.Join(append([]string{`verdict == "orphan"`}, more...), " and ")}
	sections, where, err := look.sections(mechs)
	if err != nil {
		return err
	}
	for i := range sections {
		for _, id := range once.SumColumns() {
			if id != "container" || c.all || c.by == id {
				sections[i].Columns = withColumn(sections[i].Mechanism, sections[i].Columns, id)
			}
		}
	}
	req, err := look.request(sections)
	if err != nil {
		return err
	}
	req.Grace = age
	a, err := c.start(cmd, age)
	if err != nil {
		return err
	}
	a.where = strings.Join(more, " and ")
	clean := &cleaning{said: c, verbRun: a, look: &look, mechs: mechs, sections: sections, where: where}
	return clean.run(req, cleanCommand(flagsOf(cmd), words))
}

// flagsOf lists the flags of a command line that choose the orphans, as words.
func flagsOf(cmd *cobra.Command) (words []string) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		switch {
		case slices.Contains([]string{"yes", "dry-run", "by", "read-only"}, f.Name):
		case f.Value.Type() == "bool":
			words = append(words, "--"+f.Name)
		default:
			for _, v := range values {
				words = append(words, "--"+f.Name, v)
			}
		}
	})
	return words
}

// cleanCommand is the command that removes what a look without --yes shows.
func cleanCommand(flags, kinds []string) string {
	words := slices.Concat([]string{"ipctop", "clean"}, kinds, flags, []string{"--yes"})
	for i, w := range words {
		words[i] = schema.ShellQuote(w)
	}
	return strings.Join(words, " ")
}
