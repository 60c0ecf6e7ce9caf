package schema

import (
	"os/exec"
	"strings"
	"testing"
)

// A shell reads back the quoted word. A terminal gets only printable characters.
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
			return // no name holds NUL
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
		// A shell without $'…' also reads one word, but another word.
		if out, err := exec.Command(sh, "-c", "set -- "+quoted+"\necho $#").Output(); err != nil ||
			string(out) != "1\n" {
			t.Errorf("%q as %s is to %s not one word but %s, %v", word, quoted, sh, out, err)
		}
	})
}
