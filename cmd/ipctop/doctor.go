package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/doctor"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
	"github.com/ipctop/ipctop/views/once"
)

type doctorFlags struct {
	output, root, grace string
	exitCode            bool
	all                 bool // namespaces
}

// newDoctorCmd makes "ipctop doctor".
func newDoctorCmd() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what loses or hoards IPC objects on this machine, and for what is stuck",
		Long: "Look at the whole machine. Checked are: " + strings.Join(checkNames(), ", ") + ".\n" +
			"Each finding has its severity, what was seen, and what to do; the worst comes first. " +
			"A limit near its end comes with the error that a program will see.\n" +
			"\n" +
			"It looks at one IPC namespace and one /dev/shm, its own; with -A at every one, and each finding " +
			"elsewhere begins with whose it is.\n" +
			"Nothing is changed. What could not be looked into is said at the end: as an ordinary user much of it " +
			"is. Exit code 1 says that something is critical;\n" +
			"3 that nothing seen is, but that a source could not be read though nobody refused it or, " +
			"with --exit-code, for any reason.",
		Example: `  ipctop doctor
  ipctop doctor -o json | jq '.findings[] | select(.severity == "critical") | .says'`,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     cobra.NoFileCompletions,
		RunE:                  func(cmd *cobra.Command, args []string) error { return runDoctor(cmd, f, args) },
	}
	cmd.Flags().StringVarP(&f.output, "output", "o", "text", "text or json")
	cmd.Flags().BoolVarP(&f.all, "all-namespaces", "A", false,
		"every IPC namespace that can be entered and every /dev/shm, not just the own ones")
	cmd.Flags().StringVar(&f.root, "root", "", "look at another machine's proc, sys and etc trees below this directory")
	cmd.Flags().BoolVar(&f.exitCode, "exit-code", false,
		"exit 3 if nothing is critical but something could not be looked into, also for missing rights")
	registerGrace(cmd.Flags(), &f.grace)
	return cmd
}

func runDoctor(cmd *cobra.Command, f doctorFlags, args []string) error {
	if len(args) > 0 {
		return usageErrorf("doctor looks at everything and takes no argument, but got %q", views.Visible(args[0]))
	}
	if err := checkTextOrJSON(f.output); err != nil {
		return err
	}
	req := collect.DoctorRequest()
	req.AllNamespaces = f.all
	var err error
	if req.Grace, err = graceOf(f.grace); err != nil {
		return err
	}
	host, settings, err := openHost(f.root)
	if err != nil {
		return err
	}
	snap := collect.ExamineSnapshot(host, confirmedSnapshot(collect.New(host, time.Now, settings...), req))
	if f.output == "json" {
		err = once.Write(cmd.OutOrStdout(), snap, nil, once.Options{Output: f.output})
	} else {
		err = once.WriteFindings(cmd.OutOrStdout(), snap, checkNames())
	}
	if err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	if slices.ContainsFunc(snap.Findings, func(f schema.Finding) bool { return f.Severity == schema.Critical }) {
		return &exitError{code: exitFailed}
	}
	l := look{strict: f.exitCode, hiding: snap.Faults, inJSON: f.output == "json", toStderr: cmd.ErrOrStderr()}
	return l.exit()
}

// checkNames names the checks in a few words each.
func checkNames() []string {
	var names []string
	for _, c := range doctor.Checks() {
		names = append(names, c.Name)
	}
	return names
}
