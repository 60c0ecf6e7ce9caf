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

// onceFlags are the flags of ipctop --once.
type onceFlags struct {
	once, listColumns            bool
	output, columns, sort, where string
	noHeadings, bytes, exitCode  bool
	all                          bool // namespaces
	root                         string
	grace                        string // text of --grace; the dashboard uses it too
	leaks                        bool   // the run shows the view of leaks
	by                           string // --by of leaks
	stack                        bool   // --stack of waits
	graceGiven                   bool   // --grace is on the command line
	flags                        *pflag.FlagSet
}

// register adds the flags to the root command, which shows the dashboard without --once.
func (f *onceFlags) register(cmd *cobra.Command) {
	f.registerOnce(cmd)
	f.flags.VisitAll(func(flag *pflag.Flag) { flag.Usage = "with --once: " + flag.Usage })
	cmd.Flags().BoolVar(&f.once, "once", false,
		"print one snapshot and exit; KIND or FAMILY arguments say of what (none: everything)")
}

// registerOnce adds the flags that select the objects and the format of a snapshot.
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
	f.flags.BoolVar(&f.exitCode, "exit-code", false, "exit 1 if there were rows, 3 if there were none but "+
		"some may be unseen")
	f.flags.BoolVar(&f.stack, "stack", false,
		"where waiting threads sleep: the kernel's functions (as root), and the likely places in the program")
	f.flags.BoolVarP(&f.all, "all-namespaces", "A", false,
		"objects of every namespace that can be entered, not just of this one")
	f.flags.StringVar(&f.root, "root", "", "read another machine's proc and sys trees below this directory")
	cmd.Flags().AddFlagSet(f.flags)
	cmd.Flags().BoolVar(&f.listColumns, "list-columns", false,
		"list every column with its type, what it costs and what it says")
	registerGrace(cmd.Flags(), &f.grace)
	for name, words := range map[string]func() []string{"output": once.Outputs, "columns": columnIDs,
		"sort": columnIDs} {
		// The words are made only if a shell asks for them. An error would mean that the flag does not exist.
		_ = cmd.RegisterFlagCompletionFunc(name,
			func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
				return words(), cobra.ShellCompDirectiveNoFileComp
			})
	}
}

// refuseWithoutOnce refuses a flag such as --where without --once, because the dashboard would ignore it.
func (f *onceFlags) refuseWithoutOnce(cmd *cobra.Command) error {
	if stray := givenFlag(cmd, f.flags); stray != "" {
		return usageErrorf("--%s goes with --once", stray)
	}
	return nil
}

// givenFlag gives the name of a flag of the set that is on the command line, or "".
func givenFlag(cmd *cobra.Command, set *pflag.FlagSet) (name string) {
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

// kindNames lists the kinds for which keep is true. Each family comes before its kinds.
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

// runOnce runs ipctop --once and ipctop --list-columns.
func runOnce(cmd *cobra.Command, f onceFlags, words []string) error {
	words, f.leaks = views.CutLeaks(words)
	f.graceGiven = cmd.Flags().Changed("grace")
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
	opts := once.Options{Output: f.output, Leaks: f.leaks, Sorted: f.sort != "", Chosen: f.columns != "",
		NoHeadings: f.noHeadings, Format: views.Format{Bytes: f.bytes, Now: time.Now()}}
	if f.leaks {
		f.leakOptions(&opts, words, mechs)
	}
	snap, write := f.take(collect.New(host, time.Now, settings...), req, cmd.OutOrStdout(), sections, opts)
	total := 0
	for i := range sections {
		total += f.alarms(&sections[i])
	}
	if where != nil {
		snap.Findings = findingsOf(snap.Findings, sections)
	} else if hasWaits(sections) && !f.leaks {
		total += len(waitWarnings(snap.Findings))
	}
	if err := write(snap); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	stderr := cmd.ErrOrStderr()
	sayUnseen(stderr, f.output, snap)
	undecided := sayUndecided(stderr, where)
	if f.leaks && f.exitCode && total == 0 {
		blind, err := f.unjudged(snap, sections)
		if err != nil {
			return err
		}
		sayUnjudged(stderr, blind)
		undecided += len(blind)
	}
	sayLeftOut(stderr, f.output, snap, sections)
	l := look{alarms: total, strict: f.exitCode, unknown: undecided, inJSON: f.output == "json",
		hiding: snap.Hiding(mechanismsIn(sections), f.leaks), toStderr: stderr}
	return l.exit()
}

// take takes a snapshot and chooses the rows of the sections. write writes what is not written yet. An output for
// programs is written while the snapshot is collected, unless a second snapshot may have to confirm the first.
func (f *onceFlags) take(c *collect.Collector, req collect.Request, to io.Writer, sections []once.Section,
	opts once.Options) (snap *collect.Snapshot, write func(*collect.Snapshot) error) {
	choose := func(s *once.Section, objects []*schema.Object) {
		s.Rows = s.Table.RowsOf(objects)
		if f.leaks {
			keepLeaks(s)
		}
	}
	mayNeedTwo := slices.ContainsFunc(sections, func(s once.Section) bool { return s.Mechanism.Pending != nil })
	if !mayNeedTwo {
		if stream := once.NewStream(to, sections, opts, choose); stream != nil {
			snap = c.TakeParts(req, stream.Parts())
			stream.Wait()
			return snap, stream.Close
		}
	}
	snap = confirmedSnapshot(c, req)
	for i := range sections {
		choose(&sections[i], snap.Objects[sections[i].Mechanism.Kind])
	}
	return snap, func(snap *collect.Snapshot) error { return once.Write(to, snap, sections, opts) }
}

// findingsOf keeps the findings about objects of the sections. A finding can advise a command, and a person may run it
// without a second look. So it must be about an object that --where chose.
func findingsOf(findings []schema.Finding, sections []once.Section) []schema.Finding {
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

func hasWaits(sections []once.Section) bool {
	return slices.ContainsFunc(sections, func(s once.Section) bool { return s.Mechanism.Kind == schema.Wait })
}

// alarms counts the rows that set --exit-code.
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

// confirmedSnapshot takes a snapshot. If threads look stuck, it takes a second one: only two snapshots prove that a
// thread is stuck.
func confirmedSnapshot(c *collect.Collector, req collect.Request) *collect.Snapshot {
	snap := c.Take(req)
	if snap.Pending {
		time.Sleep(collect.ConfirmAfter)
		snap = c.Take(req)
	}
	return snap
}

// sections makes a section for each kind. It checks every argument before the program reads anything.
func (f *onceFlags) sections(mechs []*kinds.Mechanism) ([]once.Section, *views.Where, error) {
	if err := once.CheckOutput(f.output); err != nil {
		return nil, nil, err
	}
	if err := f.checkBy(); err != nil {
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
			base = withColumn(m, once.LeakColumns(f.output, m), f.by)
		}
		if f.all {
			base = views.WithNamespace(m, base)
			if f.leaks && f.output == "table" {
				base = withColumn(m, base, "container") // the first process of a namespace tells whose its objects are
			}
		}
		var below *schema.Column
		if f.stack && m.Kind == schema.Wait {
			below, _ = m.Column("stack")
			if f.output != "table" &&
				!slices.ContainsFunc(base, func(c schema.Column) bool { return c.ID == below.ID }) {
				base, below = append(slices.Clone(base), *below), nil
			}
		}
		sections = append(sections, once.Section{Below: below, Table: views.Table{
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
	// A warning about waits sets the exit code, whatever the output.
	findings := f.output == "json" || hasWaits(sections) && (f.exitCode || f.output == "table" && len(sections) == 1)
	r := collect.Request{Want: map[schema.Kind]schema.Need{}, Edges: f.output == "json", Findings: findings,
		AllNamespaces: f.all, Grace: grace, Gauges: f.leaks}
	for i := range sections {
		r.Want[sections[i].Mechanism.Kind] = sections[i].Needs()
		if below := sections[i].Below; below != nil {
			r.Want[sections[i].Mechanism.Kind] |= below.Needs
		}
		if f.leaks {
			r.Want[sections[i].Mechanism.Kind] |= sections[i].Mechanism.NeedsOf([]string{"verdict"})
		}
	}
	return r, err
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
