package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/views"
)

// newJournal gives this user's journal. warn gets the reason if the system's log cannot be written.
func newJournal(host *kernel.Host, warn func(error)) *actions.Journal {
	j := actions.NewJournal(host, os.Args, os.Getenv, time.Now)
	if actions.WantsSyslog(os.Getenv) {
		return j.WithSyslog(warn)
	}
	return j
}

// journalFlags are the flags of ipctop journal.
type journalFlags struct {
	output, since, until, user, ref, outcome string
	last                                     int
}

// journalOutputs are the values of --output.
func journalOutputs() []string { return []string{"table", "json", "jsonl"} }

// outcomes are the values of --outcome.
func outcomes() []string {
	var words []string
	for _, o := range []actions.Outcome{actions.Done, actions.Unneeded, actions.Refused, actions.Failed,
		actions.Unknown} {
		words = append(words, string(o))
	}
	return words
}

func newJournalCmd() *cobra.Command {
	var f journalFlags
	cmd := &cobra.Command{
		Use:   "journal [flags]",
		Short: "List what was done with ipctop: who, when, by which plan, and how it ended",
		Long: "List the journal of this user, oldest first. Root's deeds, also those by sudo, stand in root's " +
			"journal. Every plan is on disk\n" +
			"before its first deed. \"unknown\" is a deed without a result: ipctop or the machine ended before it " +
			"was written.\n" +
			"\n" +
			"The journal lies in $XDG_STATE_HOME/ipctop (default ~/.local/state). A new file begins every 8 MiB; " +
			"four old ones are kept. It is read\n" +
			"only if it belongs to this user and others have no rights to it. IPCTOP_SYSLOG=1 sends each result to " +
			"/dev/log as well.\n" +
			"\n" +
			"Exit codes: 0 listed, even if nothing was done; 1 the journal cannot be read; 2 usage; " +
			"3 some lines or files could not be read, and are left out.",
		Example: `  ipctop journal --since 2h
  ipctop journal --outcome refused --ref shm
  ipctop journal -o jsonl --since 2026-11-30 | jq .plan`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageErrorf("journal takes no argument, but got %q: --ref chooses an object",
					views.Visible(args[0]))
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return runJournal(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "table", "one of "+strings.Join(journalOutputs(), ", "))
	flags.StringVar(&f.since, "since", "", "only what began since then: 90m, 7d, 2026-11-30, 2026-11-30T18:00:00Z")
	flags.StringVar(&f.until, "until", "", "only what began before then, in the same forms")
	flags.StringVar(&f.user, "user", "", "only what this user did, or had done by sudo")
	flags.StringVar(&f.ref, "ref", "", "only what was done to this object, or to objects of this kind")
	flags.StringVar(&f.outcome, "outcome", "", "only what ended so: "+strings.Join(outcomes(), ", "))
	flags.IntVar(&f.last, "last", 0, "only the newest `n`")
	return cmd
}

// filter checks the flags.
func (f *journalFlags) filter(now time.Time) (actions.LogFilter, error) {
	bad := func(name, value string, words []string) error {
		return usageErrorf("--%s %q: say one of %s", name, views.Visible(value), strings.Join(words, ", "))
	}
	filter := actions.LogFilter{User: f.user, Ref: f.ref, Outcome: actions.Outcome(f.outcome), Last: f.last}
	switch {
	case !slices.Contains(journalOutputs(), f.output):
		return filter, bad("output", f.output, journalOutputs())
	case f.outcome != "" && !slices.Contains(outcomes(), f.outcome):
		return filter, bad("outcome", f.outcome, outcomes())
	case f.last < 0:
		return filter, usageErrorf("--last %d: say how many", f.last)
	}
	var err error
	if filter.Since, err = momentOf("since", f.since, now); err != nil {
		return filter, err
	}
	filter.Until, err = momentOf("until", f.until, now)
	return filter, err
}

// momentOf reads a moment: an age, a day, or a time of RFC 3339. A time without a zone is local.
func momentOf(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := views.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04",
		"2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(form, text, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usageErrorf("--%s %q: say an age such as 90m or 7d, a day such as 2026-11-30, or a time "+
		"such as 2026-11-30T18:00:00Z", flag, views.Visible(text))
}

func runJournal(cmd *cobra.Command, f journalFlags) error {
	now := time.Now()
	filter, err := f.filter(now)
	if err != nil {
		return err
	}
	host, err := kernel.Open("")
	if err != nil {
		return err
	}
	log, err := newJournal(host, nil).Read()
	if err != nil {
		return err
	}
	log.Choose(filter)
	write := map[string]func(io.Writer, *actions.Log, time.Time) error{
		"table": writeDeeds, "json": writeDeedsJSON, "jsonl": writeDeedLines}[f.output]
	if err := write(cmd.OutOrStdout(), &log, now); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	if f.output == "table" && len(log.Deeds) == 0 {
		if _, err := fmt.Fprintf(cmd.ErrOrStderr(), "ipctop: nothing in %s\n", views.Visible(log.Path)); err != nil &&
			!errors.Is(err, syscall.EPIPE) {
			return err
		}
	}
	for _, f := range log.Unread {
		fmt.Fprintf(cmd.ErrOrStderr(), "ipctop: journal: %s is left out: %s\n", views.Visible(f.Path),
			views.Visible(f.Why))
	}
	if log.Broken > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "ipctop: journal: %d broken lines are left out: a full disk or a crash "+
			"cut them off\n", log.Broken)
	}
	if log.Broken > 0 || len(log.Unread) > 0 {
		return &exitError{code: exitPartly}
	}
	return nil
}

func writeDeeds(out io.Writer, log *actions.Log, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	if len(log.Deeds) > 0 {
		fmt.Fprintln(w, "TIME\tWHO\tPLAN\tREF\tOUTCOME\tWHAT")
	}
	for i := range log.Deeds {
		d := &log.Deeds[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", d.Time.In(now.Location()).Format(time.DateTime),
			views.Visible(d.Who()), views.Visible(d.Title()), views.Visible(d.Ref), views.Visible(string(d.Outcome)),
			views.Visible(d.Says))
	}
	return w.Flush()
}

// journalJSON is the JSON document of a journal.
type journalJSON struct {
	Version int                  `json:"schema_version"`
	Path    string               `json:"path"`
	Broken  int                  `json:"broken"` // lines that could not be read
	Unread  []actions.UnreadFile `json:"unread"` // files that could not be read
	Deeds   []actions.Deed       `json:"deeds"`
}

func writeDeedsJSON(out io.Writer, log *actions.Log, _ time.Time) error {
	return views.WriteJSON(out, journalJSON{Version: 1, Path: log.Path, Broken: log.Broken,
		Unread: append([]actions.UnreadFile{}, log.Unread...), Deeds: append([]actions.Deed{}, log.Deeds...)}, "  ")
}

func writeDeedLines(out io.Writer, log *actions.Log, _ time.Time) error {
	for i := range log.Deeds {
		if err := views.WriteJSON(out, &log.Deeds[i], ""); err != nil {
			return err
		}
	}
	return nil
}
