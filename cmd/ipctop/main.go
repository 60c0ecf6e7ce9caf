package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/ipctop/ipctop/demo"
	"github.com/ipctop/ipctop/views"
)

// Exit codes. Scripts rely on them. 0 means done.
const (
	exitFailed = 1
	exitUsage  = 2
	exitPartly = 3
)

// exitError ends the program with a code. err is nil if the program has already printed every message.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usageErrorf makes the error for a mistake on the command line. Its exit code is exitUsage.
func usageErrorf(format string, args ...any) error {
	return &views.UsageError{Says: fmt.Sprintf(format, args...)}
}

func main() {
	// This stands before the dashboard and cobra. Scripts run ipcs in loops, and it spends most of its time on its
	// start.
	if code, ok := runFace(os.Args, os.Stdout, os.Stderr, os.Getenv); ok {
		os.Exit(code)
	}
	if code, ok := demo.Worker(os.Args); ok {
		os.Exit(code)
	}
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the program and gives the exit code. It prints an error on stderr in one line.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRootCmd()
	root.SetArgs(args)
	out := &errorWriter{Writer: stdout}
	root.SetOut(out)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil && out.err != nil { // from the outputs of cobra itself: --help, --version, completion
		err = fmt.Errorf("standard output: %w", out.err)
	}
	if err == nil {
		return 0
	}
	code := exitFailed
	var exit *exitError
	var usage *views.UsageError
	switch {
	case errors.As(err, &exit):
		code = exit.code
		if exit.err == nil {
			return code
		}
	case errors.As(err, &usage):
		code = exitUsage
	case errors.Is(err, syscall.EPIPE): // the reader has gone: | head
		return 0
	}
	fmt.Fprintln(stderr, "ipctop:", visibleLines(err.Error()))
	return code
}

// errorWriter is a writer that remembers its first error.
type errorWriter struct {
	io.Writer
	err error
}

func (w *errorWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if w.err == nil {
		w.err = err
	}
	return n, err
}

// visibleLines makes the text of an error safe for a terminal. An error can quote the command line or a path. The text
// keeps its lines, because a panic of ipctop has a stack of several lines.
func visibleLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = views.Visible(strings.ReplaceAll(lines[i], "\t", "    "))
	}
	return strings.Join(lines, "\n")
}

// newRootCmd makes the root command: the dashboard, --once, and all subcommands.
func newRootCmd() *cobra.Command {
	var once onceFlags
	var ui uiFlags
	root := &cobra.Command{
		Use:   "ipctop [flags] | ipctop --once [KIND|FAMILY...]",
		Short: "See every IPC object of a machine, who holds it, and act on it",
		Long: "ipctop shows every inter-process communication object: System V and POSIX queues, semaphores and " +
			"shared memory, pipes, FIFOs, sockets,\n" +
			"locks, event descriptors, processes, namespaces and limits: who holds each, who waits on it, " +
			"and whose other end is gone. Without\n" +
			"arguments it opens the dashboard; with --once it prints one snapshot and exits.",
		Example: `  ipctop                                      the dashboard
  ipctop --once shm                           System V segments as a table
  ipctop --once queues -o json                queues as JSON
  ipctop --once shm --where 'nattch == 0 and owner == "bob"' --sort -size
  ipctop waits                                why does it hang: who waits on whom, and who is stuck
  ipctop leaks                                may I delete this: a verdict with reasons for every object
  ipctop rm shm:32769                         remove a segment: shows a plan and asks
  ipctop clean                                what is an orphan, and what its removal would win; --yes removes it
  ipctop demo                                 sample objects to look at`,
		Version:           version(),
		Args:              cobra.ArbitraryArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		ValidArgsFunction: completeKinds,
		RunE: func(cmd *cobra.Command, args []string) error {
			if once.once || once.listColumns {
				if stray := givenFlag(cmd, ui.flags); stray != "" {
					return usageErrorf("--%s goes with the dashboard, not with --once", stray)
				}
				return runOnce(cmd, once, args)
			}
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			if err := once.refuseWithoutOnce(cmd); err != nil {
				return err
			}
			ui.grace = once.grace
			return runUI(cmd.Context(), ui)
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageErrorf("%v: see %s --help", err, cmd.CommandPath())
	})
	once.register(root)
	ui.register(root)
	root.AddCommand(newDemoCmd(ui.forDemo(), &ui.readOnly), newWaitsCmd(), newLeaksCmd(), newPeekCmd(), newKeyCmd(),
		newGraphCmd(), newDoctorCmd(), newJournalCmd(),
		newUndoCmd(&ui.readOnly))
	root.AddCommand(newVerbCmds(&ui.readOnly)...)
	root.AddCommand(newCleanCmd(&ui.readOnly))
	root.AddCommand(newFaceCmds()...)
	return root
}

// version gives the version of the module in the binary. It is "(devel)" for a build from a work tree.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// unknownCommand explains why an argument without --once is wrong.
func unknownCommand(cmd *cobra.Command, word string) error {
	if _, err := views.Select([]string{word}); err == nil {
		return usageErrorf("%q is shown by the dashboard, or by --once: say ipctop --once %s", word, word)
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	return usageErrorf("unknown command %q: did you mean %s? See ipctop --help", views.Visible(word),
		views.Nearest(word, names))
}
