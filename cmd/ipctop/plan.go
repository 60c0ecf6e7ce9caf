package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// planFlags are the flags that all verbs share: the objects to act on, and the questions to ask.
//
//	REF... or --where ─► Refs ─► Plan on stderr ─► question ─► results: done on stdout, refused on stderr ─► exit code
type planFlags struct {
	where       string
	grace       string // text of --grace, for verdicts in where
	dryRun, yes bool
	all         bool  // all namespaces, for where
	readOnly    *bool // the root command's --read-only
	saving      saveFlags
}

// planHelp is the end of every verb's help.
const planHelp = "\n" +
	"The plan and the questions go to stderr, a line for each thing done to stdout, \"ipctop: REF: why\" for each " +
	"refused to stderr.\n" +
	"--dry-run prints the plan to stdout and does nothing.\n" +
	"\n" +
	"A plan that cannot be written is not carried out. After the answer ipctop asks again why each object was chosen " +
	"(--where, --to, who uses\n" +
	"it), and just before it acts it reads the object again: what has changed since the plan is refused " +
	"(\"ipctop: REF: refused: why\";\n" +
	"where the kernel did not do it: \"failed\"). ipctop journal lists what was done. " +
	"IPCTOP_SYSLOG=1 tells the system's log as well.\n" +
	"\n" +
	"Exit codes: 0 all done; 1 nothing done (refused, declined, no such object, --where matched nothing); " +
	"2 usage, --read-only, or nobody to\n" +
	"ask because stdin is no terminal and --yes was not given; 3 done in part. With --dry-run: what would be done."

func (f *planFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.where, "where", "", "act on the objects for which the expression holds, instead of REFs")
	cmd.Flags().BoolVarP(&f.all, "all-namespaces", "A", false,
		"with --where: objects of every namespace that can be entered")
	cmd.Flags().BoolVarP(&f.dryRun, "dry-run", "n", false, "show the plan and do nothing, whatever else is said")
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask, even about objects in use")
	// an error would mean that the flag does not exist
	_ = cmd.RegisterFlagCompletionFunc("where", cobra.NoFileCompletions)
}

// check finds mistakes of usage before the program reads anything.
func (f *planFlags) check(cmd *cobra.Command, refs []string) error {
	switch {
	case readOnly(*f.readOnly):
		return usageErrorf("%v (--read-only or IPCTOP_READONLY=1)", actions.ErrReadOnly)
	case f.all && f.where == "":
		return usageErrorf("--all-namespaces goes with --where; a REF of another namespace is KIND:ID@NS")
	case f.where != "" && len(refs) > 0:
		return usageErrorf("--where and %s together: say one of them", views.Visible(refs[0]))
	case f.where == "" && len(refs) == 0:
		return usageErrorf("nothing named: say KIND:ID, for example shm:32769, or --where EXPR; see %s --help",
			cmd.CommandPath())
	}
	return nil
}

// verbRun is one run of a verb.
type verbRun struct {
	planFlags
	cmd      *cobra.Command
	host     *kernel.Host
	settings []collect.Setting
	age      time.Duration // the grace time, as collect.Request takes it
	planner  *actions.Planner
	lost     int // number of REFs that lead to no object

	rows  bool                               // see actions.Verb.Rows
	can   func(*schema.Object) bool          // see actions.Verb.Can
	brief func(*actions.Plan) []string       // the plan in fewer lines; nil: Plan.Agenda
	done  func(schema.Ref)                   // told of each deed; nil: nobody
	lists func(*kinds.Mechanism) schema.Need // see actions.Verb.Lists
}

// start opens the machine. age is the grace time: an object with a later last use is no orphan.
func (f *planFlags) start(cmd *cobra.Command, age time.Duration) (*verbRun, error) {
	host, settings, err := openHost("")
	if err != nil {
		return nil, err
	}
	saving, err := f.saving.saving(cmd.Flags())
	if err != nil {
		return nil, err
	}
	journal := newJournal(host, func(err error) {
		fmt.Fprintln(cmd.ErrOrStderr(), "ipctop:", views.Visible(err.Error()))
	})
	planner := actions.NewPlanner(actions.Options{Host: host, Now: time.Now, Journal: journal, Settings: settings,
		Grace: age, Saving: saving})
	return &verbRun{planFlags: *f, cmd: cmd, host: host, settings: settings, age: age, planner: planner}, nil
}

// complain prints one line on stderr: what, and why.
func (a *verbRun) complain(what, why string) {
	fmt.Fprintf(a.cmd.ErrOrStderr(), "ipctop: %s: %s\n", views.Visible(what), views.Visible(why))
}

// perform shows the plan, asks, and does the plan. It returns the exit code as an error.
func (a *verbRun) perform(plan *actions.Plan) error {
	stderr := a.cmd.ErrOrStderr()
	if a.dryRun {
		if err := writeLines(a.cmd.OutOrStdout(), plan.Lines()); err != nil {
			return err
		}
		a.sayRefused(plan.Refused)
		return outcome(len(plan.Steps), len(plan.Refused)+a.lost)
	}
	if len(plan.Steps) > 0 {
		for _, line := range a.agenda(plan) {
			if _, err := fmt.Fprintln(stderr, views.Visible(line)); err != nil {
				return &exitError{code: exitFailed,
					err: fmt.Errorf("nothing was done, since the plan cannot be shown: standard error: %w", err)}
			}
		}
	}
	a.sayRefused(plan.Refused)
	if len(plan.Steps) == 0 {
		return &exitError{code: exitFailed}
	}
	asked := plan
	if !a.yes {
		var err error
		if asked, err = a.ask(plan); err != nil {
			return err
		}
		a.sayRefused(asked.Refused[len(plan.Refused):])
	}
	return a.run(asked)
}

// agenda is the text of the plan without the refusals.
func (a *verbRun) agenda(plan *actions.Plan) []string {
	if a.brief != nil {
		return a.brief(plan)
	}
	return plan.Agenda()
}

func (a *verbRun) sayRefused(refused []actions.Refusal) {
	for _, r := range refused {
		a.complain(r.Ref.String(), r.Why)
	}
}

// ask asks the person to confirm: one yes for all objects that nobody uses, and the id of each object in use. It
// returns the plan of the confirmed steps.
func (a *verbRun) ask(plan *actions.Plan) (*actions.Plan, error) {
	in, isFile := a.cmd.InOrStdin().(*os.File)
	if !isFile || !term.IsTerminal(int(in.Fd())) {
		return nil, usageErrorf("nothing was done: there is no terminal to ask on; say --yes to do it, " +
			"or --dry-run to look")
	}
	answers := bufio.NewScanner(in)
	plain, agreed := len(plan.Steps)-plan.Live(), true
	if plain > 0 {
		question := plan.Title + "? [y/N] "
		if plan.Live() > 0 {
			question = fmt.Sprintf("Do it for the %d that nobody uses? [y/N] ", plain)
		}
		word := strings.ToLower(a.question(answers, views.Visible(question)))
		agreed = word == "y" || word == "yes"
	}
	return plan.Only(func(s *actions.Step) bool {
		if s.Confirm == "" {
			return agreed
		}
		word := views.Visible(s.Confirm) // a name may hold characters that a person cannot type
		return a.question(answers,
			fmt.Sprintf("%s %s. Type %s to do it all the same: ", views.Visible(s.Ref.String()), s.Use(), word)) == word
	}, "not confirmed"), nil
}

// question asks on stderr and reads a line. At the end of the input the answer is empty.
func (a *verbRun) question(answers *bufio.Scanner, text string) string {
	fmt.Fprint(a.cmd.ErrOrStderr(), text)
	if !answers.Scan() {
		fmt.Fprintln(a.cmd.ErrOrStderr())
		return ""
	}
	return strings.TrimSpace(answers.Text())
}

// run does the plan. It stops between two steps after a signal, or if the reader of stdout has gone.
func (a *verbRun) run(plan *actions.Plan) error {
	ctx, stop := signal.NotifyContext(a.cmd.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done, left := 0, len(plan.Refused)+a.lost
	var wrote error
	if says := plan.Pause(); says != "" {
		fmt.Fprintln(a.cmd.ErrOrStderr(), says+"; Ctrl-C leaves the rest undone")
	}
	err := plan.Run(ctx, func(r actions.Result) {
		switch r.Outcome {
		case actions.Done:
			done++
			if a.done != nil {
				a.done(r.Step.Ref)
			}
		case actions.Unneeded:
		default:
			left++
			a.complain(r.Step.Ref.String(), string(r.Outcome)+": "+r.Says)
			return
		}
		if _, err := fmt.Fprintln(a.cmd.OutOrStdout(), views.Visible(r.String())); err != nil && wrote == nil {
			wrote = fmt.Errorf("standard output: %w", err)
			cancel()
		}
	})
	if err == nil && wrote != nil && !errors.Is(wrote, syscall.EPIPE) {
		err = wrote
	}
	if err != nil {
		left++
	}
	code := outcome(done, left)
	if err != nil {
		return &exitError{code: code.(*exitError).code, err: err}
	}
	return code
}

// outcome gives the exit code, as an error, for the number of deeds done and the number of deeds left.
func outcome(done, left int) error {
	switch {
	case left == 0:
		return nil
	case done == 0:
		return &exitError{code: exitFailed}
	}
	return &exitError{code: exitPartly}
}
