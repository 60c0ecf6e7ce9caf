package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
	"github.com/ipctop/ipctop/views/once"
)

type graphFlags struct {
	output, root string
	depth        int
	all          bool // namespaces
}

// newGraphCmd makes "ipctop graph".
func newGraphCmd() *cobra.Command {
	var f graphFlags
	cmd := &cobra.Command{
		Use:   "graph [--depth N] [-A] [-o dot|mermaid|json] [REF...]",
		Short: "Draw who holds, waits on and talks to whom",
		Long: "Write the graph of processes and objects, in the language of graphviz (dot), of Mermaid, or as JSON: " +
			"all of it, or what is near the\n" +
			"objects and processes that REFs name. An arrow is read from its tail: \"proc:12 waits on sem:5\". " +
			"What a process waits for is red and thick; what is inferred,\n" +
			"not observed, is dashed. Who is whose parent is not drawn. Mermaid refuses pictures of more than 500 " +
			"arrows; graphviz draws a whole machine.\n" +
			"\n" +
			"--depth 1 are the processes at an object, or the objects of a process; 2, as usual, also what these " +
			"hang together with; the way does not go on\n" +
			"through files that nobody writes, such as caches of the C library. Kernel threads and ipctop itself " +
			"are left out unless a REF names them.\n" +
			"As an ordinary user much is missing; stderr says what, in JSON the faults do.\n" +
			"\n" +
			"Exit codes: 0 done; 1 no REF leads to an object; 2 usage; 3 some do not, or a source could not be read " +
			"though nobody refused it.",
		Example: `  ipctop graph sem:5 | dot -Tsvg >sem.svg
  ipctop graph proc:4242 --depth 4 -o mermaid
  ipctop graph -o json | jq '.edges[] | select(.rel == "waits_on")'`,
		DisableFlagsInUseLine: true,
		ValidArgsFunction:     completeRefs(func(schema.Kind) bool { return true }),
		RunE:                  func(cmd *cobra.Command, args []string) error { return runGraph(cmd, f, args) },
	}
	cmd.Flags().StringVarP(&f.output, "output", "o", once.GraphOutputs()[0], strings.Join(once.GraphOutputs(), ", "))
	cmd.Flags().IntVar(&f.depth, "depth", 2, "with REFs: how many relations away to go")
	cmd.Flags().BoolVarP(&f.all, "all-namespaces", "A", false,
		"objects of every namespace that can be entered, not just of this one")
	cmd.Flags().StringVar(&f.root, "root", "", "read another machine's proc and sys trees below this directory")
	_ = cmd.RegisterFlagCompletionFunc("output",
		func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return once.GraphOutputs(), cobra.ShellCompDirectiveNoFileComp
		}) // an error would mean that the flag does not exist
	return cmd
}

func runGraph(cmd *cobra.Command, f graphFlags, args []string) error {
	if err := once.CheckGraphOutput(f.output); err != nil {
		return err
	}
	if f.depth < 0 {
		return usageErrorf("--depth %d: say how many relations away from the REFs to go", f.depth)
	}
	if len(args) == 0 && cmd.Flags().Changed("depth") {
		return usageErrorf("--depth goes with REFs: without them the graph is of everything")
	}
	sels, err := parseRefs(args)
	if err != nil {
		return err
	}
	host, err := kernel.Open(f.root)
	if err != nil {
		return usageErrorf("--root: %v", err)
	}
	for _, s := range sels {
		f.all = f.all || otherNamespace(s)
	}
	req := views.GraphRequest(f.all)
	if !host.Live() {
		req.Want[schema.Sem] &^= kinds.NeedUndo // no file holds the undo values
	}
	source, err := sourceSetting(os.Getenv)
	if err != nil {
		return err
	}
	snap := collect.New(host, time.Now, source).Take(req)
	roots, lost := f.roots(cmd, snap, sels)
	if len(sels) > 0 && len(roots) == 0 {
		return &exitError{code: exitFailed}
	}
	self := process.SelfPID()
	if !host.Live() {
		self = 0
	}
	if err := once.WriteGraph(cmd.OutOrStdout(), snap, views.NewGraph(snap, roots, f.depth, self),
		f.output); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	sayUnseen(cmd.ErrOrStderr(), f.output, snap)
	if err := outcome(len(args)-lost, lost); err != nil {
		return err
	}
	l := look{hiding: snap.Faults, inJSON: f.output == "json", toStderr: cmd.ErrOrStderr()}
	return l.exit()
}

// roots finds the objects that the REFs name. For each REF without an object it prints a line, and counts it in lost.
func (f *graphFlags) roots(cmd *cobra.Command, snap *collect.Snapshot, sels []schema.Selector) (roots []schema.Ref,
	lost int) {
	for _, s := range sels {
		ref, err := snap.Resolve(s)
		if err != nil {
			lost++
			fmt.Fprintf(cmd.ErrOrStderr(), "ipctop: %s: %s\n", views.Visible(s.Text), views.Visible(err.Error()))
			continue
		}
		roots = append(roots, subjectOf(snap, ref))
	}
	return roots, lost
}
