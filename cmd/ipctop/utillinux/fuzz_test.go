package utillinux

import (
	"bytes"
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ipctop/ipctop/collect/kernel"
)

// testSession is a session without a machine.
func testSession(argv ...string) *session {
	var out bytes.Buffer
	return newSession(Process{Stdout: &out, Stderr: &out, Getenv: func(string) string { return "" },
		Version: testVersion, Changes: direct},
		argv, &kernel.Host{})
}

// Every word of a command line becomes an option, the argument of an option, or an operand.
func FuzzGetopt(f *testing.F) {
	f.Add("-q 3 -vm4 --all=shm foo -- -x")
	f.Add("--sem 1 -a -ashm -")
	f.Add("---- --= -\x00 -\xff")
	f.Fuzz(func(t *testing.T, line string) {
		argv := append([]string{"ipcrm"}, strings.Split(line, " ")...)
		g := newGetopt(testSession(argv...), ipcrmOptions())
		names := []string{}
		for _, o := range ipcrmOptions() {
			names = append(names, o.long)
		}
		for steps := 0; ; steps++ {
			name, arg, has, err := g.next()
			if err != nil {
				if !strings.HasPrefix(err.Error(), "ipcrm: ") {
					t.Errorf("%q: %v", argv, err)
				}
				return
			}
			if name == "" {
				break
			}
			if !slices.Contains(names, name) || has && !strings.Contains(line, arg) || steps > len(line) {
				t.Fatalf("%q gives option %q with %q at step %d", argv, name, arg, steps)
			}
		}
		for _, operand := range g.operands {
			if !slices.Contains(argv[1:], operand) {
				t.Errorf("%q has no operand %q", argv, operand)
			}
		}
	})
}

// strtoul agrees with arithmetic that does not overflow.
func FuzzStrtoul(f *testing.F) {
	for _, text := range []string{"0x10", "-1", " +08", "18446744073709551616", "0x", "", "-", "\v7z"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, rest, err := strtoul(text, 0)
		number, ok := strings.CutSuffix(text, rest)
		if !ok {
			t.Fatalf("%q leaves %q", text, rest)
		}
		number = strings.TrimLeft(number, blank)
		digits := strings.TrimLeft(number, "+-")
		want, ok := new(big.Int).SetString(digits, 0)
		if !ok || strings.ContainsAny(digits, "_bBoO") && !strings.HasPrefix(strings.ToLower(digits), "0x") {
			return // no number, or a form that only Go has
		}
		if !want.IsUint64() {
			if err == nil {
				t.Errorf("%q is %d, want ERANGE", text, n)
			}
			return
		}
		if strings.HasPrefix(number, "-") {
			n = -n
		}
		if err != nil || n != want.Uint64() {
			t.Errorf("%q is %d (%v), want %v", text, n, err, want)
		}
	})
}

// A size never becomes smaller than its whole number of units.
func FuzzParseSize(f *testing.F) {
	for _, text := range []string{"1.5K", "4KiB", "2kB", "0x10M", "1.", "1Y", " 5", "-5", "0.05G"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseSize(text)
		whole, _, wholeErr := strtoul(text, 0)
		if err == nil && (wholeErr != nil || n < whole) {
			t.Errorf("%q is %d bytes", text, n)
		}
	})
}

func FuzzHumanSize(f *testing.F) {
	for _, n := range []uint64{0, 1023, 1024, 1025, 1<<20 - 1, 1<<64 - 1} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n uint64) {
		text := humanSize(n)
		value, err := strconv.ParseFloat(text[:len(text)-1], 64)
		unit := float64(uint64(1) << (10 * strings.IndexByte("BKMGTPE", text[len(text)-1])))
		if diff := value*unit - float64(n); err != nil || diff > unit*0.0511 || diff < -unit*0.0511 {
			t.Errorf("%d bytes are %s", n, text)
		}
	})
}

// No text breaks a table.
func FuzzTable(f *testing.F) {
	f.Add("plain", 80, true)
	f.Add("\x1b[31m\n\t\\x41 é\u202e漢\xff", 10, true)
	f.Add("\xc3\x28`$\"", 0, false)
	f.Fuzz(func(t *testing.T, text string, width int, locale bool) {
		for _, mode := range []outMode{outTable, outExport, outNewline, outRaw, outJSON} {
			table := &table{
				name: "t", mode: mode, utf8: locale, width: width,
				columns: []scolumn{{"A", false, true}, {"B", true, false}},
				rows:    [][]cell{{textCell(text), textCell(text)}, {{}, textCell("x")}},
			}
			got := table.render()
			if mode == outJSON {
				var doc map[string][]map[string]*string
				if err := json.Unmarshal([]byte(got), &doc); err != nil {
					t.Fatalf("%q: %v in %s", text, err, got)
				}
				continue
			}
			lines := map[outMode]int{outTable: 3, outExport: 2, outNewline: 4, outRaw: 3}[mode]
			control := func(r rune) bool { return r < 0x20 && r != '\n' || r == 0x7f }
			if strings.Count(got, "\n") != lines || strings.ContainsFunc(got, control) ||
				locale && !utf8.ValidString(got) {
				t.Fatalf("%q in mode %d: %q", text, mode, got)
			}
		}
	})
}

func FuzzLsipcOutput(f *testing.F) {
	f.Add("key,id")
	f.Add("+nsems,")
	f.Add(",,")
	f.Fuzz(func(t *testing.T, list string) {
		r := &lsipcRun{session: testSession("lsipc"), kind: "shm", output: list, hasOutput: true}
		if _, failed := r.parseOutput(); failed {
			return
		}
		if want := strings.TrimPrefix(list, "+"); !strings.EqualFold(strings.Join(r.names, ","), want) {
			t.Errorf("%q chooses %q", list, r.names)
		}
	})
}

// TZ comes from the environment, so any text must give a zone.
func FuzzZone(f *testing.F) {
	for _, tz := range []string{"UTC", ":Europe/Berlin", "EST5EDT,M3.2.0,M11.1.0", "<+0330>-3:30",
		"../../../etc/passwd", "/etc/passwd", "x\n5", ""} {
		f.Add(tz)
	}
	f.Fuzz(func(t *testing.T, tz string) {
		c := &clock{localZone(tz)}
		if len(c.ctime(981173106)) < len("Sat Feb  3 04:05:06 2001") {
			t.Errorf("%q: %q", tz, c.ctime(981173106))
		}
	})
}

// The help and the table of options must agree.
func TestHelpNamesEveryOption(t *testing.T) {
	for name, options := range map[string][]option{"ipcs": ipcsOptions(), "ipcrm": ipcrmOptions(),
		"ipcmk": ipcmkOptions(),
		"lsipc": lsipcOptions()} {
		help := ours(name, "--help")
		if help.Code != 0 || help.Stderr != "" || !strings.HasPrefix(help.Stdout, "\nUsage:\n "+name+" [") ||
			!strings.Contains(help.Stdout, "ipctop") {
			t.Errorf("%s --help: %+v", name, help)
		}
		for _, o := range options {
			flag := "     --" + o.long
			if o.short != 0 {
				flag = " -" + string(o.short) + ", --" + o.long
			}
			if !strings.Contains(help.Stdout, "\n"+flag) {
				t.Errorf("%s --help lacks %q", name, flag)
			}
		}
	}
}

// Our help has every option that util-linux's help has.
func TestHelpHasUtilLinuxsOptions(t *testing.T) {
	needReference(t)
	for _, face := range Faces() {
		mine := ours(face.Name, "-h").Stdout
		for line := range strings.Lines(theirs(t, face.Name, "-h").Stdout) {
			if flag, _, ok := strings.Cut(strings.TrimLeft(line, " "), "  "); ok && strings.HasPrefix(flag, "-") &&
				!strings.Contains(mine, flag) {
				t.Errorf("%s -h lacks %q", face.Name, flag)
			}
		}
	}
}
