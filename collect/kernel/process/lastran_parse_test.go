package process

import (
	"math"
	"testing"
	"time"
)

func TestParseExecStart(t *testing.T) {
	const head = "cat (1304, #threads: 1)\n---\n"
	const line = "se.exec_start                                :      11646213.683412\n"
	for text, want := range map[string]time.Duration{
		head + line + "se.vruntime                                  :           298.577303\n": 11646213683412,
		head + "se.exec_start : 0.000001\n":                                                   1,
		head + "se.exec_start : 0.000000\n":                                                   0,
		head + "se.exec_start : -1.000000\n":                                                  0,
		head + "se.exec_start : 1.5\n":                                                        0,
		head + "se.exec_start : 99999999999999.000000\n":                                      0,
		head + "se.sum_exec_runtime : 5.000000\n":                                             0,
		"": 0,
	} {
		if got, ok := parseExecStart([]byte(text)); ok != (want > 0) || ok && got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, ok, want)
		}
	}
}

func TestParseStatCPU(t *testing.T) {
	const line = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 100 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 " +
		"17 42 0 0 0 0 0\n"
	if state, cpu, ok := parseStatCPU([]byte(line)); state != 'S' || cpu != 42 || !ok {
		t.Errorf("%c, %d, %v, want S on CPU 42", state, cpu, ok)
	}
	for _, text := range []string{"", "7 (a) S", "7 (a) SS 1", line[:90]} {
		if state, cpu, ok := parseStatCPU([]byte(text)); ok {
			t.Errorf("%q: %c, %d", text, state, cpu)
		}
	}
}

func FuzzLastRan(f *testing.F) {
	f.Add([]byte("se.exec_start : 11646213.683412\n"))
	f.Add([]byte("7 (a) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 100 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 17 42 0"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if at, ok := parseExecStart(text); ok && at <= 0 || at < 0 || at == math.MaxInt64 {
			t.Errorf("%q ran at %d", text, at)
		}
		if _, cpu, ok := parseStatCPU(text); ok && cpu < 0 {
			t.Errorf("%q on CPU %d", text, cpu)
		}
	})
}
