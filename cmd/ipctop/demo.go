package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect/kernel/own"
	"github.com/ipctop/ipctop/demo"
	"github.com/ipctop/ipctop/views"
)

// demoUI shows the dashboard until the person quits or ctx ends. It is nil if there is no terminal.
type demoUI func(ctx context.Context) error

// newDemoCmd makes "ipctop demo". Its workers are this program, so main calls demo.Worker first.
func newDemoCmd(runUI demoUI, forbidden *bool) *cobra.Command {
	var list, noUI, clean bool
	cmd := &cobra.Command{
		Use:   "demo [SCENARIO...]",
		Short: "Make sample objects until Ctrl-C, and show them in the dashboard",
		Long: "Make real IPC objects in worker processes, and remove them again on Ctrl-C, on SIGTERM and when " +
			"the process that\n" +
			"started this one ends. On a terminal the dashboard opens on them. All scenarios are set up unless " +
			"some are named.",
		ValidArgsFunction: completeScenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case list && clean || list && noUI || clean && noUI:
				return usageErrorf("--list, --no-ui and --clean exclude one another")
			case (list || clean) && len(args) > 0:
				return usageErrorf("--list and --clean take no scenario")
			case !list && readOnly(*forbidden):
				return usageErrorf("read-only: no sample objects are made or removed (--read-only or %s=1); "+
					"ipctop demo --list shows what there is", actions.ReadOnlyVariable)
			}
			switch out := cmd.OutOrStdout(); {
			case list:
				return listScenarios(out)
			case clean:
				return cleanDemo(out, cmd.ErrOrStderr())
			case noUI || runUI == nil:
				return runDemo(cmd.Context(), args, cmd.ErrOrStderr(),
					func(ctx context.Context, r *demo.Running) error {
						return waitWithTable(ctx, out, r)
					})
			}
			return runDemo(cmd.Context(), args, cmd.ErrOrStderr(), func(ctx context.Context, _ *demo.Running) error {
				return runUI(ctx)
			})
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "list the scenarios and what to look for in them")
	cmd.Flags().BoolVar(&noUI, "no-ui", false, "print a table of what was made and wait for Ctrl-C")
	cmd.Flags().BoolVar(&clean, "clean", false, "remove what a killed demo left behind, and nothing else")
	return cmd
}

func completeScenarios(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, s := range demo.Scenarios() {
		names = append(names, cobra.CompletionWithDesc(s.Name, s.Title))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func listScenarios(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SCENARIO\tWHAT IT IS\tWHAT TO LOOK FOR")
	for _, s := range demo.Scenarios() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, s.Title, s.LookFor)
	}
	return w.Flush()
}

// runDemo sets up the scenarios, shows them, and removes them in every case.
func runDemo(ctx context.Context, names []string, stderr io.Writer,
	show func(context.Context, *demo.Running) error) (err error) {
	// With SIGPIPE, a demo also cleans up if its reader has gone (| head).
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT,
		syscall.SIGPIPE)
	defer stop()
	ctx, cancel, err := demo.WithParent(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	r, err := demo.Start(ctx, demo.Options{Scenarios: names})
	var unknown *demo.UnknownScenarioError
	switch {
	case errors.As(err, &unknown):
		return usageErrorf("%v: see ipctop demo --list", err)
	case errors.Is(err, context.Canceled):
		return nil
	case err != nil:
		return err
	}
	defer func() {
		report, stopErr := r.Stop()
		printLeft(stderr, report)
		err = errors.Join(err, stopErr)
	}()
	for _, f := range r.Failures() {
		fmt.Fprintf(stderr, "ipctop: scenario %s\n", views.Visible(fmt.Sprint(f)))
	}
	if err := show(ctx, r); err != nil {
		return err
	}
	if len(r.Failures()) > 0 {
		return &exitError{code: exitPartly}
	}
	return nil
}

// waitWithTable prints a table of the objects and waits until ctx ends.
func waitWithTable(ctx context.Context, out io.Writer, r *demo.Running) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SCENARIO\tKIND\tREF\tPID\tWHAT TO LOOK FOR")
	for _, o := range r.Objects() {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", o.Scenario, o.Ref.Kind, o.Ref, o.PID, o.LookFor)
	}
	err := w.Flush()
	if err == nil {
		_, err = fmt.Fprintln(out, "\nCtrl-C ends the demo and removes all of it.")
	}
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	<-ctx.Done()
	return nil
}

func cleanDemo(out, stderr io.Writer) error {
	report, err := demo.Clean("")
	for _, what := range report.Removed {
		fmt.Fprintln(out, "removed", what)
	}
	printLeft(stderr, report)
	if len(report.Removed) == 0 && len(report.Left) == 0 && err == nil {
		fmt.Fprintln(out, "no demo has left anything behind")
		if home := os.Getenv("HOME"); os.Getenv("XDG_STATE_HOME") == "" && !own.OwnsHome(home) {
			fmt.Fprintf(stderr, "ipctop: note: HOME (%s) is not the home of this user: its demos were left alone\n",
				views.Visible(home))
		}
	}
	if err != nil && len(report.Removed) > 0 {
		return &exitError{code: exitPartly, err: err}
	}
	return err
}

func printLeft(w io.Writer, report demo.Report) {
	for _, left := range report.Left {
		fmt.Fprintf(w, "ipctop: left alone: %s: %s\n", left.What, left.Why)
	}
}
