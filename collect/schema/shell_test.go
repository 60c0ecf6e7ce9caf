package schema

import (
	"os/exec"
	"strings"
	"testing"
)

// What a shell reads back is what was quoted, and a terminal gets nothing but printable characters.
func FuzzShellQuote(f *testing.F) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		f.Skip("needs bash to read words back")
	}
	sh, err := exec.LookPath("dash")
	if err != nil {
		sh = "sh"
	}
	for _, word := range []string{"", "plain/path-1.0", "a b", "it's", "$(id)", "`id`", "a\nb", "\x1b[31m", "\xff\xfe",
		"ü", `back\slash`, `'\''`, "!!", "~", "-x", "*", "\\\n'", "\n'; id; '", "\\'; id #"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if strings.Contains(word, "\x00") {
			return // no name holds one
		}
		quoted := ShellQuote(word)
		for _, c := range []byte(quoted) {
			if c < 0x20 || c >= 0x7f {
				t.Fatalf("%q for a terminal is %q", word, quoted)
			}
		}
		cmd := exec.Command(bash, "-c", "printf %s "+quoted+"; printf .")
		cmd.Env = []string{"LC_ALL=C"}
		got, err := cmd.Output()
		if err != nil || string(got) != word+"." {
			t.Errorf("%q as %s is read back as %q, %v", word, quoted, got, err)
		}
		// A shell that does not know $'…' finds one word as well, though another one.
		if out, err := exec.Command(sh, "-c", "set -- "+quoted+"\necho $#").Output(); err != nil || string(out) != "1\n" {
			t.Errorf("%q as %s is to %s not one word but %s, %v", word, quoted, sh, out, err)
		}
	})
}
