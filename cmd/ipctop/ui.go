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
	"github.com/ipctop/ipctop/views"
	"github.com/ipctop/ipctop/views/tui"
)

// uiFlags are the flags of the dashboard.
type uiFlags struct {
	readOnly, noMouse bool
	interval          time.Duration
	saving            saveFlags
	grace             string
	cautious          bool           // plans judge with the usual grace time, whatever grace is
	flags             *pflag.FlagSet // the flags that only the dashboard has
}

func (f *uiFlags) register(cmd *cobra.Command) {
	f.flags = pflag.NewFlagSet("dashboard", pflag.ContinueOnError)
	cmd.PersistentFlags().BoolVar(&f.readOnly, "read-only", false,
		"never change anything: no key does; "+verbNames()+", clean and demo refuse (also IPCTOP_READONLY=1)")
	f.flags.BoolVar(&f.noMouse, "no-mouse", false, "leave the mouse to the terminal, for selecting and copying")
	f.flags.DurationVar(&f.interval, "interval", 2*time.Second, "time between refreshes")
	f.saving.register(f.flags)
	cmd.Flags().AddFlagSet(f.flags)
}

// readOnly is true if the environment or the flag forbids changes.
func readOnly(flag bool) bool { return flag || actions.ReadOnly(os.Getenv) }

// shortestInterval is the shortest time between refreshes. With less, the dashboard would scan almost all the time.
const shortestInterval = 100 * time.Millisecond

// runUI shows the dashboard until the person quits or parent ends.
func runUI(parent context.Context, f uiFlags) error {
	if err := needTerminal(); err != nil {
		return err
	}
	if f.interval < shortestInterval {
		return usageErrorf("--interval %v is too short: the shortest is %v", f.interval, shortestInterval)
	}
	grace, err := graceOf(f.grace)
	if err != nil {
		return err
	}
	saving, err := f.saving.saving(f.flags)
	if err != nil {
		return err
	}
	host, settings, err := openHost("")
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(parent)
	defer stop()
	var unlogged error // the last reason why the system's log did not get a result
	journal := newJournal(host, func(err error) { unlogged = err })
	judged := grace
	if f.cautious {
		judged = collect.DefaultGrace
	}
	planner := actions.NewPlanner(actions.Options{Host: host, Now: time.Now, Journal: journal,
		ReadOnly: readOnly(f.readOnly), Settings: settings, Grace: judged, Saving: saving})
	sampler := collect.NewSampler(collect.New(host, time.Now, settings...), f.interval)
	err = tui.Run(ctx, tui.Options{
		Source: sampler, Sample: sampler.Run, Interval: f.interval, Grace: grace,
		Planner: planner, ReadOnly: readOnly(f.readOnly), NoMouse: f.noMouse, NoColor: os.Getenv("NO_COLOR") != "",
	})
	if unlogged != nil {
		fmt.Fprintln(os.Stderr, "ipctop:", views.Visible(unlogged.Error()))
	}
	if parent.Err() != nil {
		return nil // the caller ended the dashboard
	}
	return err
}

// untilSignal gives a context that ends when a signal would end the program. The context's cause has the shell's exit
// code for the signal. Without this, SIGQUIT and the signals after it make the Go runtime print its stacks, on a
// terminal that is still raw (os/signal, "Default behavior of signals in Go programs"). A fault of the program itself
// is no such signal: it is a panic.
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

// forDemo gives the dashboard for ipctop demo. It gives nil if there is no terminal.
func (f *uiFlags) forDemo() demoUI {
	if needTerminal() != nil {
		return nil
	}
	return func(ctx context.Context) error {
		young := *f
		// The demo's orphans are young. But the dashboard shows the objects of other programs, too: no plan may take
		// their young objects for orphans.
		young.grace, young.cautious = "0s", true
		return runUI(ctx, young)
	}
}

// needTerminal returns a usage error if there is no terminal to draw on. The error says what to do.
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
