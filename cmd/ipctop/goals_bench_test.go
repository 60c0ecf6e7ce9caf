package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
)

// BenchmarkGoals compares whole runs of ipctop with a reference, in turn on the same machine of its own. A figure is a
// ratio of the lowest CPU times (of user and kernel). Its goal stands beside the figure.
//
//	go test -run '^$' -bench Goals -benchtime 7x ./cmd/ipctop                  everything, seven runs of each
//	go test -run '^$' -bench Goals/waits -benchtime 7x ./cmd/ipctop            one row
//	IPCTOP_BENCH=/usr/bin/ipctop go test -run '^$' -bench Goals ./cmd/ipctop   another binary than this tree's
//
// The reference is testdata/floor.c: the system calls that no reader of /proc and of System V objects can leave out.
// With -short the machines have a twentieth of the processes and objects. Then the figures mean nothing.
// One tick of the walk alone is measured by BenchmarkSnapshotOfManyProcesses in collect.
func BenchmarkGoals(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root, to make namespaces with thousands of processes, and to load BPF")
	}
	g := goals{b: b, programs: buildPrograms(b), crowds: map[crowd]*kerneltest.Worker{}}
	processes := crowd{processes: 1000}
	objects := crowd{queues: 32000, sets: 32000, segments: 4096}
	for _, row := range []struct {
		name, command string
		of            crowd
		floor         string
		goal          float64
	}{
		{"once-csv/bpf", "IPCTOP_SOURCE=bpf ipctop --once pipe unix -o csv", processes, "floor descriptors", 0.7},
		{"once-csv/proc", "IPCTOP_SOURCE=proc ipctop --once pipe unix -o csv", processes, "floor descriptors", 1.6},
		{"once-json/bpf", "IPCTOP_SOURCE=bpf ipctop --once pipe unix -o json", processes, "floor descriptors", 1.2},
		{"once-json/proc", "IPCTOP_SOURCE=proc ipctop --once pipe unix -o json", processes, "floor descriptors", 0},
		{"waits/bpf", "IPCTOP_SOURCE=bpf ipctop waits", processes, "floor descriptors", 1.0},
		{"waits/proc", "IPCTOP_SOURCE=proc ipctop waits", processes, "floor descriptors", 0},
		{"leaks/bpf", "IPCTOP_SOURCE=bpf ipctop leaks", processes, "floor descriptors", 1.5},
		{"leaks/proc", "IPCTOP_SOURCE=proc ipctop leaks", processes, "floor descriptors", 0},
		{"doctor/bpf", "IPCTOP_SOURCE=bpf ipctop doctor", processes, "floor descriptors", 1.8},
		{"doctor/proc", "IPCTOP_SOURCE=proc ipctop doctor", processes, "floor descriptors", 0},
		{"ss", "ss -xap", processes, "floor descriptors", 0},
		{"lsof", "lsof -n -P", processes, "floor descriptors", 0},
		{"lsfd", "lsfd", processes, "floor descriptors", 0},
		{"sysv/once-json", "ipctop --once msg sem shm -o json", objects, "floor sysv", 4},
		{"sysv/leaks", "ipctop leaks", objects, "floor sysv", 12},
	} {
		b.Run(row.name, func(b *testing.B) { g.against(b, row.of, row.command, row.floor, row.goal) })
	}
	for _, scale := range []struct {
		name         string
		small, large crowd
		commands     map[string]string
	}{
		{"4000-against-1000-processes", processes, crowd{processes: 4000}, perSource(map[string]string{
			"once-csv": "ipctop --once pipe unix -o csv", "once-json": "ipctop --once pipe unix -o json",
			"waits": "ipctop waits", "leaks": "ipctop leaks", "doctor": "ipctop doctor"})},
		{"1000-against-250-waiters", crowd{waiters: 250}, crowd{waiters: 1000}, map[string]string{
			"waits": "ipctop waits", "waits-json": "ipctop waits -o json", "once-json": "ipctop --once -o json",
			"leaks": "ipctop leaks", "doctor": "ipctop doctor"}},
		{"32000-against-8000-sets", crowd{sets: 8000}, crowd{sets: 32000}, map[string]string{
			"once-json": "ipctop --once sem -o json", "waits": "ipctop waits", "leaks": "ipctop leaks",
			"doctor": "ipctop doctor"}},
		{"32000-against-8000-queues", crowd{queues: 8000}, crowd{queues: 32000}, everyCommand("msg")},
		{"1000-against-250-lock-waiters", crowd{lockWaiters: 250}, crowd{lockWaiters: 1000}, everyCommand("lock")},
		// The kernel reads /proc/locks in pages, and counts from the first lock for each page (seq_hlist_start_percpu):
		// more locks cost more than in proportion.
		{"16000-against-4000-locks", crowd{locks: 4000}, crowd{locks: 16000}, everyCommand("lock")},
	} {
		for _, name := range slices.Sorted(maps.Keys(scale.commands)) {
			command := scale.commands[name]
			b.Run(scale.name+"/"+name, func(b *testing.B) { g.scales(b, scale.small, scale.large, command) })
		}
	}
	for _, row := range []struct {
		name, command string
		of            crowd
		rounds        int // a start is short: more of them for each iteration
		goal          float64
	}{
		{"ipcs/nothing/own-program", "ipcs", crowd{}, 100, 2},
		{"ipcs/nothing/ipctop", "ipctop ipcs", crowd{}, 100, 0},
		{"ipcs/full/own-program", "ipcs", objects, 1, 0.2},
		{"ipcs/full/ipctop", "ipctop ipcs", objects, 1, 0.2},
	} {
		b.Run(row.name, func(b *testing.B) { g.ipcs(b, row.of, row.command, row.rounds, row.goal) })
	}
}

// everyCommand are the commands that look at objects of a kind.
func everyCommand(kind string) map[string]string {
	return map[string]string{"once-json": "ipctop --once " + kind + " -o json", "waits": "ipctop waits",
		"leaks": "ipctop leaks", "doctor": "ipctop doctor", "graph": "ipctop graph -o json"}
}

// perSource gives each command twice: with descriptors from BPF and from /proc.
func perSource(commands map[string]string) map[string]string {
	both := map[string]string{}
	for name, command := range commands {
		for _, source := range []string{"bpf", "proc"} {
			both[name+"/"+source] = "IPCTOP_SOURCE=" + source + " " + command
		}
	}
	return both
}

// goals are the programs and the crowds of one BenchmarkGoals.
type goals struct {
	b        *testing.B // its end ends the crowds
	programs string
	crowds   map[crowd]*kerneltest.Worker
}

// in gives the crowd. Its first user makes the crowd.
func (g goals) in(c crowd) *kerneltest.Worker {
	if testing.Short() {
		for _, n := range []*int{&c.processes, &c.waiters, &c.queues, &c.sets, &c.segments, &c.lockWaiters,
			&c.locks} {
			*n /= 20
		}
	}
	if g.crowds[c] == nil {
		g.crowds[c] = c.start(g.b, g.programs)
	}
	return g.crowds[c]
}

// against reports the command's time as a multiple of the reference's, and the command's peak memory.
func (g goals) against(b *testing.B, c crowd, command, reference string, goal float64) {
	in := g.in(c)
	var ours, floor best
	for b.Loop() {
		floor.add(runIn(b, in, reference))
		ours.add(runIn(b, in, command))
	}
	report(b, map[string]float64{"times-floor": ratio(ours.cpu, floor.cpu), "goal": goal,
		"ms": ours.cpu.Seconds() * 1000, "ms-floor": floor.cpu.Seconds() * 1000, "MB": float64(ours.kilobytes) / 1024})
}

// scales reports time and memory in the large crowd as multiples of those in the small crowd.
func (g goals) scales(b *testing.B, small, large crowd, command string) {
	inSmall, inLarge := g.in(small), g.in(large)
	var few, many best
	for b.Loop() {
		few.add(runIn(b, inSmall, command))
		many.add(runIn(b, inLarge, command))
	}
	report(b, map[string]float64{"times-cpu": ratio(many.cpu, few.cpu), "goal": 4.5,
		"times-memory": ratio(many.kilobytes, few.kilobytes), "ms": many.cpu.Seconds() * 1000,
		"MB": float64(many.kilobytes) / 1024})
}

// ipcs runs our ipcs and the installed one, each so many rounds in an iteration.
func (g goals) ipcs(b *testing.B, c crowd, command string, rounds int, goal float64) {
	theirs, err := exec.LookPath("ipcs")
	if err != nil {
		b.Skip("needs util-linux's ipcs to compare with: ", err)
	}
	in := g.in(c)
	var us, them best
	for b.Loop() {
		for range rounds {
			them.add(runIn(b, in, theirs))
			us.add(runIn(b, in, command))
		}
	}
	report(b, map[string]float64{"times-util-linux": ratio(us.cpu, them.cpu), "goal": goal,
		"times-util-linux-wall": ratio(us.wall, them.wall), "us": float64(us.wall.Microseconds())})
}

// best has the lowest of each figure.
type best struct {
	spent
	runs int
}

func (l *best) add(s spent) {
	if l.runs++; l.runs == 1 {
		l.spent = s
		return
	}
	l.cpu, l.wall, l.kilobytes = min(l.cpu, s.cpu), min(l.wall, s.wall), min(l.kilobytes, s.kilobytes)
}

func ratio[T ~int64](a, b T) float64 { return float64(a) / float64(b) }

// report prints the figures in place of the time per iteration. A goal of 0 is no goal.
func report(b *testing.B, figures map[string]float64) {
	b.ReportMetric(0, "ns/op")
	for unit, figure := range figures {
		if figure != 0 {
			b.ReportMetric(figure, unit)
		}
	}
}

// buildPrograms makes a folder with ipctop, ipcs and the floor.
func buildPrograms(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	run := func(env string, args ...string) {
		b.Helper()
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), env)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	if _, err := exec.LookPath("gcc"); err != nil {
		b.Skip("needs gcc, to build the floor to compare with: ", err)
	}
	run("", "gcc", "-O2", "-o", filepath.Join(dir, "floor"), "testdata/floor.c")
	program := filepath.Join(dir, "ipctop")
	if given := os.Getenv("IPCTOP_BENCH"); given != "" {
		run("", "cp", given, program)
	} else {
		run("CGO_ENABLED=0", "go", "build", "-buildvcs=false", "-o", program, ".")
	}
	run("CGO_ENABLED=0", "go", "build", "-buildvcs=false", "-o", filepath.Join(dir, "ipcs"), "../ipcs")
	return dir
}
