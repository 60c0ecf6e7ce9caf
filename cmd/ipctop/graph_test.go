package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/views/once"
)

// graphOn runs ipctop graph on a machine made of files.
func graphOn(t *testing.T, m *collecttest.Machine, args ...string) commandOutput {
	t.Helper()
	var got commandOutput
	synctest.Test(t, func(t *testing.T) { got = ipctop(append([]string{"graph", "--root", m.Root}, args...)...) })
	return got
}

func TestGraphOfFiles(t *testing.T) {
	t.Parallel()
	m := collecttest.Sample(t)
	var b strings.Builder
	for _, words := range []string{"", "-o mermaid", "-o json", "pipe:7001", "pipe:7001 --depth 1", "proc:1 --depth 0",
		"proc:2 -o mermaid", "pipe:7001 proc:77777", "proc:77777 pipe:1",
		"-o svg", "--depth 1", "pipe:7001 --depth -1", "pipes:8841", "shm:key=0"} {
		got := graphOn(t, m, strings.Fields(words)...)
		fmt.Fprintf(&b, "$ ipctop graph %s\n%s", words, got.Stdout)
		if got.Stderr != "" {
			fmt.Fprintf(&b, "[stderr]\n%s", got.Stderr)
		}
		if got.Code != 0 {
			fmt.Fprintf(&b, "[exit %d]\n", got.Code)
		}
		b.WriteByte('\n')
	}
	compareGolden(t, "graph.txt", hideFileIDs(t, b.String(), m, "/run/app/control"))
}

// With every name of a process, a FIFO or a socket, each line belongs to the language, and no control byte reaches the
// terminal.
func TestGraphOfHostileMachine(t *testing.T) {
	t.Parallel()
	m := collecttest.HostileMachine(t)
	text := `"(?:[^"\\]|\\.)*"`
	for output, line := range map[string]string{
		"dot": `^(digraph ipctop \{|\t(graph|node|n\d+|n\d+ -> n\d+) \[(rankdir=LR, label=` + text +
			`|shape=box, style=rounded|label=` + text + `[a-z0-9=., ]*)\];|\})$`,
		"mermaid": `^(flowchart LR|    n\d+(\["[^"]*"\]|\(\["[^"]*"\]\)|( -->| ==>| -\.->)\|"[^"]*"\| n\d+)|    ` +
			`linkStyle \d+ stroke:red,color:red)$`,
	} {
		got := graphOn(t, m, "-o", output)
		legal := regexp.MustCompile(line)
		lines := strings.Split(strings.TrimSuffix(got.Stdout, "\n"), "\n")
		for _, l := range lines {
			if !legal.MatchString(l) || strings.ContainsAny(strings.TrimPrefix(l, "\t"), "\x1b\a\t\u202e") {
				t.Errorf("%s: %q", output, l)
			}
		}
		if len(lines) < 3*len(collecttest.Hostile()) || got.Code != 0 {
			t.Errorf("%s: exit %d, %d lines", output, got.Code, len(lines))
		}
	}
	var doc any
	if got := graphOn(t, m, "-o", "json"); json.Unmarshal([]byte(got.Stdout), &doc) != nil || got.Code != 0 {
		t.Errorf("%+v", got)
	}
}

// The graph of a pipe between two processes shows the reader, the writer, and that the writer waits.
func TestGraphOfLivePipe(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		p := startDemo(t, "pipe-full")
		var pipe string
		pids := map[string]string{}
		for _, line := range p.table(t) {
			if words := strings.Fields(line); len(words) > 3 && words[0] == "pipe-full" {
				pipe = words[2]
				comm, err := os.ReadFile("/proc/" + words[3] + "/comm")
				if err != nil {
					t.Fatal(err)
				}
				pids[strings.TrimSpace(string(comm))] = words[3]
			}
		}
		if diff := cmp.Diff([]string{"demo-reader", "demo-writer"}, slices.Sorted(maps.Keys(pids))); diff != "" {
			t.Fatal(diff)
		}
		got := ipctop("graph", pipe, "--depth", "1", "-o", "mermaid")
		reader, writer := fmt.Sprintf(`(["proc:%s<br/>demo#45;reader"])`, pids["demo-reader"]),
			fmt.Sprintf(`(["proc:%s<br/>demo#45;writer"])`, pids["demo-writer"])
		names := map[string]string{}
		for _, node := range regexp.MustCompile(`(?m)^    (n\d+)([(\[].*)$`).FindAllStringSubmatch(got.Stdout, -1) {
			names[node[1]] = node[2]
		}
		var edges []string
		line := regexp.MustCompile(`(?m)^    (n\d+) (\S+)\|"([a-z ]+).*"\| (n\d+)$`)
		for _, edge := range line.FindAllStringSubmatch(got.Stdout, -1) {
			words := []string{names[edge[1]], edge[2], strings.TrimSpace(edge[3]), names[edge[4]]}
			edges = append(edges, strings.Join(words, " "))
		}
		object := fmt.Sprintf(`["%s<br/>demo#45;writer → demo#45;reader"]`, pipe)
		want := []string{reader + " --> reads fd " + object, writer + " ==> waits on write fd " + object,
			writer + " --> writes fd " + object}
		slices.Sort(edges)
		slices.Sort(want)
		if diff := cmp.Diff(want, edges); diff != "" || got.Code != 0 {
			t.Errorf("%+v\n%s", got, diff)
		}
		// The writer is two steps away from the reader.
		got = ipctop("graph", "proc:"+pids["demo-reader"], "-o", "json")
		var doc struct{ Nodes []struct{ Ref string } }
		if err := json.Unmarshal([]byte(got.Stdout), &doc); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(doc.Nodes, struct{ Ref string }{"proc:" + pids["demo-writer"]}) {
			t.Errorf("%s", got.Stdout)
		}
		if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := p.cmd.Wait(); err != nil {
			t.Error(err)
		}
		p.leftNothing(t)
	})
}

// The graph has neither ipctop itself nor the objects that only ipctop uses.
func TestGraphLeavesOutItself(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		self := fmt.Sprint("proc:", os.Getpid())
		for _, output := range once.GraphOutputs() {
			if got := ipctop("graph", "-o", output); got.Code != 0 ||
				regexp.MustCompile(self+`\b`).MatchString(got.Stdout) {
				t.Errorf("%s: exit %d: it has %s\n%s", output, got.Code, self, got.Stdout)
			}
		}
		if got := ipctop("graph", self, "--depth", "0"); got.Code != 0 ||
			!bytes.Contains([]byte(got.Stdout), []byte(self)) {
			t.Errorf("named: %+v", got)
		}
	})
}
