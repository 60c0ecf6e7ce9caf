package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
	"github.com/ipctop/ipctop/views/once"
)

// onceFlags are those of ipctop --once.
type onceFlags struct {
	once, listColumns            bool
	output, columns, sort, where string
	noHeadings, bytes, exitCode  bool
	all                          bool // namespaces
	root                         string
	grace                        string // of verdicts; the dashboard takes it as well
	leaks                        bool   // the view of leaks
	flags                        *pflag.FlagSet
}

// register adds the flags to the command that is the dashboard without --once.
func (f *onceFlags) register(cmd *cobra.Command) {
	f.registerOnce(cmd)
	f.flags.VisitAll(func(flag *pflag.Flag) { flag.Usage = "with --once: " + flag.Usage })
	cmd.Flags().BoolVar(&f.once, "once", false,
		"print one snapshot and exit; KIND or FAMILY arguments say of what (none: everything)")
}

// registerOnce adds those that say what a snapshot shows and how.
func (f *onceFlags) registerOnce(cmd *cobra.Command) {
	f.flags = pflag.NewFlagSet("once", pflag.ContinueOnError)
	f.flags.StringVarP(&f.output, "output", "o", once.Outputs()[0], "one of "+strings.Join(once.Outputs(), ", "))
	f.flags.StringVar(&f.columns, "columns", "",
		`columns to show: "a,b", "+c" besides the usual ones, "-c" without it, "all"`)
	f.flags.StringVar(&f.sort, "sort", "", `columns to sort by, "-" in front for downwards: "-size,owner"`)
	f.flags.StringVar(&f.where, "where", "",
		`only rows for which the expression holds: 'nattch == 0 and age > duration("1h")'`)
	f.flags.BoolVar(&f.noHeadings, "no-headings", false, "no line of headings")
	f.flags.BoolVar(&f.bytes, "bytes", false, "sizes in bytes, durations in seconds, times in RFC 3339")
	f.flags.BoolVar(&f.exitCode, "exit-code", false, "exit 1 if there were rows")
	f.flags.BoolVarP(&f.all, "all-namespaces", "A", false,
		"objects of every namespace that can be entered, not just of this one")
	f.flags.StringVar(&f.root, "root", "", "read another machine's proc and sys trees below this directory")
	cmd.Flags().AddFlagSet(f.flags)
	cmd.Flags().BoolVar(&f.listColumns, "list-columns", false,
		"list every column with its type, what it costs and what it says")
	registerGrace(cmd.Flags(), &f.grace)
	for name, words := range map[string]func() []string{"output": once.Outputs, "columns": columnIDs, "sort": columnIDs} {
		// The words are made when a shell asks for them, not at every start. The error is for flags that do not exist.
		_ = cmd.RegisterFlagCompletionFunc(name, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return words(), cobra.ShellCompDirectiveNoFileComp
		})
	}
}

// refuseWithoutOnce keeps --where and the like from being ignored.
func (f *onceFlags) refuseWithoutOnce(cmd *cobra.Command) error {
	if stray := given(cmd, f.flags); stray != "" {
		return usageErrorf("--%s goes with --once", stray)
	}
	return nil
}

// given is the name of a flag of the set that the command line has; "" if it has none.
func given(cmd *cobra.Command, set *pflag.FlagSet) (name string) {
	set.VisitAll(func(flag *pflag.Flag) {
		if cmd.Flags().Changed(flag.Name) {
			name = flag.Name
		}
	})
	return name
}

func completeKinds(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return kindNames(func(*kinds.Mechanism) bool { return true }), cobra.ShellCompDirectiveNoFileComp
}

// kindNames are the kinds for which keep holds, each family before its own.
func kindNames(keep func(*kinds.Mechanism) bool) []string {
	var names []string
	for _, v := range views.All() {
		var kinds []string
		for _, m := range v.Mechanisms {
			if keep(m) {
				kinds = append(kinds, cobra.CompletionWithDesc(string(m.Kind), m.Title))
			}
		}
		if len(kinds) > 0 {
			names = append(append(names, string(v.Family)), kinds...)
		}
	}
	return names
}

func columnIDs() []string {
	var ids []string
	for _, m := range collect.Mechanisms() {
		for _, c := range views.ColumnsOf(m) {
			ids = append(ids, c.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// runOnce is ipctop --once and ipctop --list-columns.
func runOnce(cmd *cobra.Command, f onceFlags, words []string) error {
	words, f.leaks = views.CutLeaks(words)
	selected := views.Select
	if f.leaks {
		selected = views.SelectLeaks
	}
	mechs, err := selected(words)
	if err != nil {
		return err
	}
	if f.listColumns {
		return listColumns(cmd.OutOrStdout(), mechs, f.noHeadings)
	}
	sections, where, err := f.sections(mechs)
	if err != nil {
		return err
	}
	req, err := f.request(sections)
	if err != nil {
		return err
	}
	host, settings, err := openHost(f.root)
	if err != nil {
		return err
	}
	now := time.Now()
	snap := settled(collect.New(host, time.Now, settings...), req)
	total := 0
	for i := range sections {
		sections[i].Rows = sections[i].Table.Rows(snap)
		if f.leaks {
			keepLeaks(&sections[i])
		}
		total += f.alarms(&sections[i])
	}
	if where != nil {
		snap.Findings = concerning(snap.Findings, sections)
	}
	opts := once.Options{Output: f.output, Leaks: f.leaks, Sorted: f.sort != "", Chosen: f.columns != "",
		NoHeadings: f.noHeadings, Format: views.Format{Bytes: f.bytes, Now: now}}
	if err := once.Write(cmd.OutOrStdout(), snap, sections, opts); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	sayUnseen(cmd.ErrOrStderr(), f.output, snap, where)
	sayQuiet(cmd.ErrOrStderr(), f.output, snap, sections)
	if f.exitCode && total > 0 {
		return &exitError{code: exitFailed}
	}
	return nil
}

// concerning leaves out findings about nothing that is shown: their advice is a command that somebody may run as it
// stands.
func concerning(findings []schema.Finding, sections []once.Section) []schema.Finding {
	shown := map[schema.Ref]bool{}
	for i := range sections {
		for _, o := range sections[i].Rows {
			shown[o.Ref] = true
			if subject := sections[i].Mechanism.Subject; subject != nil {
				shown[subject(o)] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(findings), func(f schema.Finding) bool {
		return !slices.ContainsFunc(f.Refs, func(r schema.Ref) bool { return shown[r] })
	})
}

// alarms counts the rows that --exit-code is for.
func (f *onceFlags) alarms(s *once.Section) (n int) {
	if f.leaks {
		return orphans(s)
	}
	for _, o := range s.Rows {
		if s.Where != nil || s.Mechanism.Alarm == nil || s.Mechanism.Alarm(o) {
			n++
		}
	}
	return n
}

// settled takes a snapshot, and another one if threads look stuck in it: two have to agree.
func settled(c *collect.Collector, req collect.Request) *collect.Snapshot {
	snap := c.Take(req)
	if snap.Pending {
		time.Sleep(collect.ConfirmAfter)
		snap = c.Take(req)
	}
	return snap
}

// sections checks every argument before anything is read.
func (f *onceFlags) sections(mechs []*kinds.Mechanism) ([]once.Section, *views.Where, error) {
	if err := once.CheckOutput(f.output); err != nil {
		return nil, nil, err
	}
	ids := append(views.ColumnIDs(f.columns), views.ColumnIDs(f.sort)...)
	if err := views.CheckColumns(mechs, ids); err != nil {
		return nil, nil, err
	}
	var where *views.Where
	if f.where == "" && f.flags.Changed("where") {
		return nil, nil, usageErrorf("--where is empty: leave it out to see everything")
	}
	if f.where != "" {
		var err error
		if where, err = views.CompileWhere(mechs, f.where); err != nil {
			return nil, nil, err
		}
	}
	var sections []once.Section
	for _, m := range mechs {
		base := once.Columns(f.output, m)
		if f.leaks {
			base = once.LeakColumns(f.output, m)
		}
		if f.all {
			base = views.WithNamespace(m, base)
		}
		sections = append(sections, once.Section{Table: views.Table{
			Mechanism: m,
			Columns:   views.ParseColumns(m, f.columns, base),
			Sort:      views.ParseSort(f.sort),
			Where:     where,
		}})
	}
	return sections, where, nil
}

func (f *onceFlags) request(sections []once.Section) (collect.Request, error) {
	grace, err := graceOf(f.grace)
	r := collect.Request{Want: map[schema.Kind]schema.Need{}, Edges: f.output == "json",
		Findings: f.output == "json" || f.output == "table" && len(sections) == 1 &&
			sections[0].Mechanism.Kind == schema.Wait, AllNamespaces: f.all, Grace: grace, Gauges: f.leaks}
	for i := range sections {
		r.Want[sections[i].Mechanism.Kind] = sections[i].Needs()
		if f.leaks {
			r.Want[sections[i].Mechanism.Kind] |= sections[i].Mechanism.NeedsOf([]string{"verdict"})
		}
	}
	return r, err
}

// sayUnseen tells on stderr what is missing, where the output itself has no place for it.
func sayUnseen(stderr io.Writer, output string, snap *collect.Snapshot, where *views.Where) {
	if output != "json" {
		for _, fault := range snap.Faults {
			fmt.Fprintf(stderr, "ipctop: %s: %s\n", fault.Source, views.Visible(fault.Says))
		}
		for _, note := range snap.Notes {
			fmt.Fprintf(stderr, "ipctop: note: %s\n", views.Visible(note))
		}
	}
	if where == nil {
		return
	}
	if rows, columns := where.Undecided(); rows > 0 {
		fmt.Fprintf(stderr, "ipctop: --where: %d rows were left out because %s could not be read for them\n", rows,
			strings.Join(columns, ", "))
	}
}

// sayQuiet tells on stderr that a table is not all there is, and where it names nothing that is wrong, that so it is.
func sayQuiet(stderr io.Writer, output string, snap *collect.Snapshot, sections []once.Section) {
	for i := range sections {
		s := &sections[i]
		if output != "table" || !s.Mechanism.Quiet || s.Where != nil {
			continue
		}
		if s.Mechanism.Kind == schema.Wait && !slices.ContainsFunc(s.Rows, s.Mechanism.Alarm) {
			fmt.Fprintln(stderr, "ipctop: note: nothing of what could be seen is stuck")
		}
		if n := len(snap.Objects[s.Mechanism.Kind]) - len(s.Rows); n > 0 {
			fmt.Fprintf(stderr, "ipctop: note: %d %s that are usual on every machine are left out: --where true shows them\n", n,
				s.Mechanism.Family)
		}
	}
}

func listColumns(w io.Writer, mechs []*kinds.Mechanism, noHeadings bool) error {
	var rows [][]string
	if !noHeadings {
		rows = append(rows, []string{"KIND", "ID", "TYPE", "NEEDS", "HELP"})
	}
	costs := collect.Costs()
	for _, m := range mechs {
		for _, c := range views.ColumnsOf(m) {
			needs := strings.ReplaceAll(strings.ReplaceAll((c.Needs|m.Needs).In(costs), ", ", ","), " ", "-")
			rows = append(rows, []string{string(m.Kind), c.ID, c.Type.String(), needs, c.Help})
		}
	}
	b := bufio.NewWriter(w)
	if err := once.Align(b, rows, make([]bool, 5)); err != nil {
		return err
	}
	return b.Flush()
}
