package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/views/tui"
)

// uiFlags are the flags of the dashboard.
type uiFlags struct {
	readOnly, noMouse bool
	interval          time.Duration
	grace             string
	flags             *pflag.FlagSet // those of the dashboard alone
}

func (f *uiFlags) register(cmd *cobra.Command) {
	f.flags = pflag.NewFlagSet("dashboard", pflag.ContinueOnError)
	cmd.PersistentFlags().BoolVar(&f.readOnly, "read-only", false,
		"never change anything: no key does; "+verbNames()+" and demo refuse (also IPCTOP_READONLY=1)")
	f.flags.BoolVar(&f.noMouse, "no-mouse", false, "leave the mouse to the terminal, for selecting and copying")
	f.flags.DurationVar(&f.interval, "interval", 2*time.Second, "time between refreshes")
	cmd.Flags().AddFlagSet(f.flags)
}

// readOnly says whether the environment or a flag forbids changes.
func readOnly(flag bool) bool { return flag || actions.ReadOnly(os.Getenv) }

// shortest is the least time between refreshes: below it the dashboard would do little else than scan.
const shortest = 100 * time.Millisecond

// runUI shows the dashboard until the person quits or ctx ends.
func runUI(parent context.Context, f uiFlags) error {
	if err := needTerminal(); err != nil {
		return err
	}
	if f.interval < shortest {
		return usageErrorf("--interval %v is too short: the shortest is %v", f.interval, shortest)
	}
	grace, err := graceOf(f.grace)
	if err != nil {
		return err
	}
	host, settings, err := openHost("")
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(parent)
	defer stop()
	journal := actions.NewJournal(host, os.Args, os.Getenv, time.Now)
	planner := actions.NewPlanner(actions.Options{Host: host, Now: time.Now, Journal: journal,
		ReadOnly: readOnly(f.readOnly), Settings: settings, Grace: grace})
	sampler := collect.NewSampler(collect.New(host, time.Now, settings...), f.interval)
	err = tui.Run(ctx, tui.Options{
		Source: sampler, Sample: sampler.Run, Interval: f.interval, Grace: grace,
		Planner: planner, ReadOnly: readOnly(f.readOnly), NoMouse: f.noMouse, NoColor: os.Getenv("NO_COLOR") != "",
	})
	if parent.Err() != nil {
		return nil // Whoever started the dashboard ended it.
	}
	return err
}

// untilSignal gives a context that the signals which end a program end, with an error that has the shell's exit code
// for the signal. Those after SIGINT would make the Go runtime dump its stacks on a terminal that is still raw
// (os/signal, "Default behavior of signals in Go programs"). Caught are only those that somebody sent: a fault of the
// program's own is a panic.
func untilSignal(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT,
		syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGSTKFLT, syscall.SIGSYS)
	go func() {
		select {
		case s := <-caught:
			cancel(&exitError{code: 128 + int(s.(syscall.Signal)), err: fmt.Errorf("ended by a signal: %v", s)})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(caught); cancel(nil) }
}

// forDemo is the dashboard for ipctop demo, nil where there is no terminal.
func (f *uiFlags) forDemo() demoUI {
	if needTerminal() != nil {
		return nil
	}
	return func(ctx context.Context) error {
		young := *f
		young.grace = "0s" // as the demo's orphans are
		return runUI(ctx, young)
	}
}

// needTerminal says what to do where there is no terminal to draw on.
func needTerminal() error {
	for _, f := range []*os.File{os.Stdin, os.Stdout} {
		if !term.IsTerminal(int(f.Fd())) {
			return usageErrorf("the dashboard needs a terminal: use ipctop --once")
		}
	}
	if name := os.Getenv("TERM"); name == "" || name == "dumb" {
		return usageErrorf("the dashboard needs a terminal that can place text, TERM is %q: use ipctop --once", name)
	}
	return nil
}
