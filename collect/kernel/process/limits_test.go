package process

import (
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/ipctop/ipctop/collect/kernel/scan"
)

const limitsLines = `Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max open files            1024                 524288               files     
Max msgqueue size         unlimited            819200               bytes     
Max nice priority         0                    0                    
`

func TestParseProcLimits(t *testing.T) {
	got, err := ParseProcLimits([]byte(limitsLines))
	if want := (ProcLimits{OpenFiles: 1024, MsgQueue: math.MaxUint64}); got != want || err != nil {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, text := range []string{"", strings.Replace(limitsLines, "1024 ", "x ", 1), limitsLines[:150],
		"Max open files            \n"} {
		if _, err := ParseProcLimits([]byte(text)); !errors.Is(err, scan.ErrShort) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLimitsOfThisProcess(t *testing.T) {
	text, err := os.ReadFile("/proc/self/limits")
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseProcLimits(text)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Limits(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("the file has %+v, prlimit %+v", got, want)
	}
}

func FuzzParseProcLimits(f *testing.F) {
	f.Add([]byte(limitsLines))
	f.Add([]byte("Max open files 18446744073709551616\nMax msgqueue size 1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if l, err := ParseProcLimits(text); err != nil && l != (ProcLimits{}) {
			t.Errorf("%q: %+v with %v", text, l, err)
		}
	})
}
