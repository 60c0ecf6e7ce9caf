package task

import (
	"math/bits"
	"testing"
	"unsafe"
)

// The letters of fs/proc/array.c, for the states of include/linux/sched.h.
func TestLetter(t *testing.T) {
	for _, c := range []struct {
		state, exit uint32
		want        byte
	}{
		{0, 0, 'R'}, {1, 0, 'S'}, {2, 0, 'D'}, {4, 0, 'T'}, {8, 0, 't'}, {0x80, 0x10, 'X'}, {0x80, 0x20, 'Z'},
		{0x40, 0, 'P'}, {0x402, 0, 'I'}, {0x102, 0, 'D'}, {0x1001, 0, 'D'}, {0x8000, 0, 'S'}, {0x2001, 0, 'S'},
		{0x104, 0, 'T'}, {0x200, 0, 'R'}, {0xffffffff, 0xffffffff, 'S'},
	} {
		r := record{State: c.state, ExitState: c.exit}
		if got := r.letter(); got != c.want {
			t.Errorf("state %#x, exit state %#x: %c, want %c", c.state, c.exit, got, c.want)
		}
	}
}

func TestTerminalNumber(t *testing.T) {
	for _, c := range []struct {
		r    record
		want int
	}{
		{record{}, 0},
		{record{TTYMajor: 4, TTYMinor: 64, TTY: 1}, 4<<8 | 65},
		{record{TTYMajor: 136, TTY: 300}, 44 | 136<<8 | 256<<12},
	} {
		if got := c.r.tty(); got != c.want {
			t.Errorf("%+v: %d, want %d", c.r, got, c.want)
		}
	}
}

func FuzzShareOut(f *testing.F) {
	f.Add(uint64(10), uint64(30), uint64(80), uint64(0), uint64(0))
	f.Add(uint64(0), uint64(30), uint64(80), uint64(5), uint64(90))
	f.Fuzz(func(t *testing.T, user, system, run, lastUser, lastSystem uint64) {
		const most = 1 << 62
		user, system, run = user%most, system%most, run%most
		lastUser, lastSystem = lastUser%most, lastSystem%most
		u, s := shareOut(user, system, run, lastUser, lastSystem)
		if sum := lastUser + lastSystem; sum >= run {
			if u != lastUser || s != lastSystem {
				t.Errorf("%d, %d, want what was told last", u, s)
			}
			return
		}
		if u+s != run || u < lastUser || s < lastSystem {
			t.Errorf("%d and %d of %d, the last were %d and %d", u, s, run, lastUser, lastSystem)
		}
	})
}

// Each thread is in one process, whatever the records say.
func FuzzParse(f *testing.F) {
	const size = int(unsafe.Sizeof(record{}))
	f.Add(make([]byte, 2*size), 0)
	f.Add([]byte("short"), 0)
	three := [3]record{{PID: 9, TID: 12}, {PID: 9, TID: 9}, {PID: 7, TID: 7}}
	f.Add(unsafe.Slice((*byte)(unsafe.Pointer(&three[0])), 3*size), 3)
	f.Fuzz(func(t *testing.T, text []byte, _ int) {
		records, err := parse(text)
		if (err != nil) != (len(text)%size != 0) {
			t.Fatalf("%d bytes: %v", len(text), err)
		}
		if err != nil {
			return
		}
		tasks := &Tasks{records: records, timeNS: 1}
		tasks.arrange()
		threads, last := 0, 0
		for p := range tasks.Processes() {
			if p.PID() <= last {
				t.Errorf("process %d after %d", p.PID(), last)
			}
			last = p.PID()
			if again, ok := tasks.Process(last); !ok || again.Threads() != p.Threads() {
				t.Errorf("process %d has %d threads, and then %d", last, p.Threads(), again.Threads())
			}
			p.Stat()
			p.Status()
			for i := range p.Threads() {
				p.Thread(i).Task()
				threads++
			}
		}
		if threads > len(records) || bits.Len(uint(last)) > 31 {
			t.Errorf("%d threads of %d records", threads, len(records))
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		r, err := Open("")
		if err != nil {
			b.Skip(err)
		}
		r.Close()
	}
}

func BenchmarkRead(b *testing.B) {
	r, err := Open("")
	if err != nil {
		b.Skip(err)
	}
	defer r.Close()
	threads := 0
	for b.Loop() {
		tasks, err := r.Read()
		if err != nil {
			b.Fatal(err)
		}
		threads = len(tasks.records)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(threads), "ns/thread")
}
