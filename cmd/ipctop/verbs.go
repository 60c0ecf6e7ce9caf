package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// newVerbCmds makes a subcommand for every verb.
func newVerbCmds(readOnly *bool) []*cobra.Command {
	var cmds []*cobra.Command
	for _, v := range actions.Verbs() {
		cmds = append(cmds, newVerbCmd(v, readOnly))
	}
	return cmds
}

// verbCmd is one verb as a subcommand: "ipctop VERB WORD... REF...". Every other option of the verb is a flag.
type verbCmd struct {
	planFlags
	verb  actions.Verb
	use   *actions.Use
	words []actions.Option
	flags []flagOption
	list  *actions.Option // --list prints the choices of this option; nil: there is no flag --list
	lists bool            // --list is on the command line
}

// flagOption is an option that is a flag. said is its value on the command line.
type flagOption struct {
	actions.Option
	said string
}

func newVerbCmd(v actions.Verb, readOnly *bool) *cobra.Command {
	c := &verbCmd{planFlags: planFlags{readOnly: readOnly}, verb: v, use: v.Begin()}
	for _, o := range c.use.Takes {
		if o.Word == "" {
			c.flags = append(c.flags, flagOption{Option: o})
			continue
		}
		c.words = append(c.words, o)
		if o.List != "" {
			c.list = &o
		}
	}
	cmd := &cobra.Command{
		Use: c.usage(), Short: v.Short, Long: v.Long + planHelp, Example: v.Example,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     c.complete,
		RunE:                  c.runE,
	}
	c.register(cmd)
	return cmd
}

// usage gives the command's usage line.
func (c *verbCmd) usage() string {
	words := ""
	for _, o := range c.words {
		words += o.Word + " "
	}
	line := c.verb.Name + " [--yes | --dry-run] " + words + "REF... | " + words + "--where EXPR"
	for _, o := range c.flags {
		if o.Names {
			line += " | " + words + "--" + o.Name + " NAME"
		}
	}
	if c.list != nil {
		line += " | --list"
	}
	return line
}

func (c *verbCmd) register(cmd *cobra.Command) {
	c.planFlags.register(cmd)
	if c.verb.Saves {
		c.saving.register(cmd.Flags())
	}
	for i := range c.flags {
		o := &c.flags[i]
		help := o.Help
		if !o.Free {
			help += ": " + strings.Join(o.Values(), ", ")
		}
		cmd.Flags().StringVar(&o.said, o.Name, o.Default, help)
		complete := cobra.FixedCompletions(choices(&o.Option), cobra.ShellCompDirectiveNoFileComp)
		_ = cmd.RegisterFlagCompletionFunc(o.Name, complete) // an error would mean that the flag does not exist
	}
	if c.list != nil {
		cmd.Flags().BoolVar(&c.lists, "list", false, c.list.List)
	}
	if c.hasVerdicts() {
		registerGrace(cmd.Flags(), &c.grace)
	}
}

// hasVerdicts is true if --where can ask for verdicts.
func (c *verbCmd) hasVerdicts() bool {
	return slices.ContainsFunc(mechanismsOf(c.verb.Chooses), views.HasVerdicts)
}

// complete proposes the choices of the words, then REFs.
func (c *verbCmd) complete(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if n := len(args); n < len(c.words) {
		return choices(&c.words[n]), cobra.ShellCompDirectiveNoFileComp
	}
	return completeRefs(c.verb.Does)(cmd, args, word)
}

// choices lists the choices of an option, in the form for completion.
func choices(o *actions.Option) []string {
	var all []string
	for _, c := range o.Choices {
		switch {
		case c.Value == "":
		case c.Says == "":
			all = append(all, c.Value)
		default:
			all = append(all, cobra.CompletionWithDesc(c.Value, c.Says))
		}
	}
	return all
}

func (c *verbCmd) runE(cmd *cobra.Command, args []string) error {
	if c.lists {
		return listChoices(cmd.OutOrStdout(), c.list)
	}
	args, err := c.setOptions(cmd, args)
	if err != nil {
		return err
	}
	age, err := c.ageOfOrphans(cmd)
	if err != nil {
		return err
	}
	sels, err := parseRefs(args)
	if err != nil {
		return err
	}
	if err := c.checkIdle(cmd, sels); err != nil {
		return err
	}
	a, err := c.start(cmd, age)
	if err != nil {
		return err
	}
	a.can, a.lists, a.rows = c.verb.Can, c.verb.Lists, c.verb.Rows
	mechs := mechanismsOf(c.verb.Chooses)
	refs, err := a.targets(sels, mechs)
	if err != nil {
		return err
	}
	plan, err := c.use.Plan(a.planner, refs)
	if err != nil {
		return err
	}
	defer plan.Close()
	if plan, err = a.stillMatching(plan, mechs); err != nil {
		return err
	}
	return a.perform(plan)
}

// setOptions gives the verb its options. It returns the other arguments: the REFs.
func (c *verbCmd) setOptions(cmd *cobra.Command, args []string) ([]string, error) {
	said, refs := c.cutWords(args)
	if len(said) < len(c.words) {
		o := &c.words[len(said)]
		says := fmt.Sprintf("no %s named: say %s %s REF", o.Name, cmd.CommandPath(), o.Default)
		if c.list != nil {
			says += "; " + cmd.CommandPath() + " --list shows all"
		}
		return nil, usageErrorf("%s", says)
	}
	if err := c.check(cmd, append(c.named(cmd), refs...)); err != nil {
		return nil, err
	}
	if flags := c.named(cmd); len(flags) > 0 && len(refs) > 0 {
		return nil, usageErrorf("%s and %s together: say one of them", flags[0], views.Visible(refs[0]))
	}
	for _, o := range c.flags {
		if o.Names && o.said == "" && cmd.Flags().Changed(o.Name) {
			return nil, usageErrorf("--%s is empty: say the name of a %s", o.Name, o.Name)
		}
		err := o.Set(o.said)
		switch {
		case err != nil && o.Free:
			return nil, usageErrorf("--%s: %s", o.Name, views.Visible(err.Error()))
		case err != nil:
			return nil, usageErrorf("--%s %q: say one of %s", o.Name, views.Visible(o.said),
				strings.Join(o.Values(), ", "))
		}
	}
	for i, o := range c.words {
		if err := o.Set(said[i]); err != nil {
			return nil, usageErrorf("%s", views.Visible(err.Error()))
		}
	}
	return refs, nil
}

// named lists the flags on the command line that name objects in place of REFs.
func (c *verbCmd) named(cmd *cobra.Command) []string {
	var flags []string
	for _, o := range c.flags {
		if o.Names && cmd.Flags().Changed(o.Name) {
			flags = append(flags, "--"+o.Name)
		}
	}
	return flags
}

// cutWords divides the arguments into the verb's words and the REFs. There are fewer words than the verb has if one is
// missing.
func (c *verbCmd) cutWords(args []string) (words, refs []string) {
	refs = args
	for _, o := range c.words {
		var word []string
		if o.Is == nil {
			n := min(1, len(refs))
			word, refs = refs[:n], refs[n:]
		} else {
			word = slices.DeleteFunc(slices.Clone(refs), func(arg string) bool { return !o.Is(arg) })
			refs = slices.DeleteFunc(slices.Clone(refs), o.Is)
		}
		if len(word) == 0 {
			break
		}
		words = append(words, strings.Join(word, " "))
	}
	return words, refs
}

// ageOfOrphans gives --grace as a duration for collect.Request. It gives 0 for a verb without this flag.
func (c *verbCmd) ageOfOrphans(cmd *cobra.Command) (time.Duration, error) {
	if cmd.Flags().Lookup("grace") == nil {
		return 0, nil
	}
	age, err := graceOf(c.grace)
	if err == nil && c.where == "" && cmd.Flags().Changed("grace") {
		err = usageErrorf("--grace goes with --where: it says which objects the column verdict calls orphans")
	}
	return age, err
}

// checkIdle refuses a flag that has no effect on any of the named objects.
func (c *verbCmd) checkIdle(cmd *cobra.Command, sels []schema.Selector) error {
	for _, o := range c.flags {
		if cmd.Flags().Changed(o.Name) && o.With != "" && !cmd.Flags().Changed(o.With) {
			return usageErrorf("--%s goes with --%s: nothing is to follow without it", o.Name, o.With)
		}
		matters := o.Of == nil || slices.ContainsFunc(sels, func(s schema.Selector) bool {
			own := o.Strict != nil && o.Strict(s.Kind) && !standsForOther(s.Kind)
			return o.Matters(s.Kind) && (!own || o.Takes(o.said, s.Kind))
		})
		if cmd.Flags().Changed(o.Name) && !matters {
			return usageErrorf("%s", o.Idle)
		}
		for _, s := range sels {
			// A row that stands for another object has no sides but its own: --to readers must not mean the waiter.
			if cmd.Flags().Changed(o.Name) && standsForOther(s.Kind) && !o.Takes(o.said, s.Kind) {
				return usageErrorf("--%s %s: %s has no such side: say one of %s", o.Name, views.Visible(o.said),
					views.Visible(s.Text), strings.Join(o.ValuesFor([]schema.Kind{s.Kind}), ", "))
			}
		}
	}
	return nil
}

// listChoices prints the choices of an option as a table.
func listChoices(out io.Writer, o *actions.Option) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tNAME\tWHAT IT DOES")
	for _, c := range o.Choices {
		fmt.Fprintf(w, "%d\t%s\t%s\n", c.Number, c.Value, c.Says)
	}
	return w.Flush()
}

// verbNames lists the verbs as text: "rm, signal".
func verbNames() string {
	var names []string
	for _, v := range actions.Verbs() {
		names = append(names, v.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
