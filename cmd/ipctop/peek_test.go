package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
)

// peeked runs ipctop peek on the live machine.
func peeked(args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	code = run(context.Background(), append([]string{"peek"}, args...), &out, &errs)
	return out.String(), errs.String(), code
}

func TestPeekMessagesAsText(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		a := kernel.NewAdmin()
		id, err := a.MsgGet(0x1234, 0o600|sysv.IPCCreat)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range []string{"\x1b[31mred", strings.Repeat("ab", 200), ""} {
			if err := a.MsgSend(id, int64(i+1), []byte(text), 0); err != nil {
				t.Fatal(err)
			}
		}
		stdout, stderr, code := peeked("msg:key=0x1234", "--limit", "2")
		stdout = regexp.MustCompile(`\([^(]*s in all\)`).ReplaceAllString(stdout, "(1µs in all)")
		want := fmt.Sprintf("msg:%d: 2 of 3 messages from message 0 on, by MSG_COPY, which takes nothing out; "+
			"each look locks the queue (1µs in all)\n"+
			"[0] type 1, 8 bytes\n"+
			"    00000000  1b 5b 33 31 6d 72 65 64                           |.[31mred|\n"+
			"[1] type 2, 400 bytes\n"+
			"    00000000  61 62 61 62 61 62 61 62  61 62 61 62 61 62 61 62  |abababababababab|\n"+
			"    *\n"+
			"    000000f0  61 62 61 62 61 62 61 62  61 62 61 62 61 62 61 62  |abababababababab|\n"+
			"    … 144 more bytes\n", id)
		if diff := cmp.Diff(want, stdout); diff != "" || stderr != "" || code != 0 {
			t.Errorf("exit %d, %q\n%s", code, stderr, diff)
		}
		stdout, _, _ = peeked(fmt.Sprint("msg:", id), "-o", "json", "--offset", "2")
		var doc map[string]any
		if err := json.Unmarshal([]byte(stdout), &doc); err != nil {
			t.Fatalf("%v\n%s", err, stdout)
		}
		delete(doc, "took")
		wantDoc := map[string]any{
			"schema_version": 1.0, "ref": fmt.Sprint("msg:", id), "first": 2.0, "total": 3.0,
			"via":      "MSG_COPY, which takes nothing out; each look locks the queue",
			"messages": []any{map[string]any{"index": 2.0, "type": 3.0, "size": 0.0, "hex": "", "text": ""}},
		}
		if diff := cmp.Diff(wantDoc, doc); diff != "" {
			t.Error(diff)
		}
	})
}

func TestPeekMemoryAsText(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		a := kernel.NewAdmin()
		id, err := a.ShmGet(0x1235, 4096, 0o600|sysv.IPCCreat)
		if err != nil {
			t.Fatal(err)
		}
		ref := fmt.Sprint("shm:", id)
		if _, stderr, code := peeked(ref); code != exitFailed || !strings.Contains(stderr, "nobody has it mapped") {
			t.Errorf("a segment without holders: exit %d, %q", code, stderr)
		}
		data, err := a.ShmAttach(id, false)
		if err != nil {
			t.Fatal(err)
		}
		copy(data[16:], "here\x00")
		stdout, stderr, code := peeked(ref, "--offset", "16", "--limit", "20")
		if text, err := os.ReadFile("/proc/self/uid_map"); err != nil ||
			!strings.HasSuffix(string(text), " 4294967295\n") {
			// An ordinary user is root only in the test's user namespace. This is not enough for map_files.
			if code != exitFailed || !strings.Contains(stderr, "CAP_SYS_ADMIN") {
				t.Errorf("without rights: exit %d, %q", code, stderr)
			}
			return
		}
		_, rest, _ := strings.Cut(stdout, "\n")
		want := "00000010  68 65 72 65 00 00 00 00  00 00 00 00 00 00 00 00  |here............|\n" +
			"00000020  00 00 00 00                                       |....|\n"
		if diff := cmp.Diff(want, rest); diff != "" || stderr != "" || code != 0 {
			t.Errorf("exit %d, %q\n%s", code, stderr, diff)
		}
	})
}

func TestPeekMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		says string
		code int
	}{
		{nil, "peek takes one REF", exitUsage},
		{[]string{"msg:1", "msg:2"}, "peek takes one REF", exitUsage},
		{[]string{"pipe:1"}, "would take the data away", exitUsage},
		{[]string{"pmsg:/a"}, "no way to read a POSIX queue", exitUsage},
		{[]string{"msg:1", "--limit", "1001"}, "from 1 to 1000", exitUsage},
		{[]string{"msg:1", "-o", "jsn"}, "did you mean json?", exitUsage},
		{[]string{"msk:1"}, "did you mean msg?", exitUsage},
		{[]string{"msg:2147483647"}, "there is no such object", exitFailed},
	} {
		stdout, stderr, code := peeked(c.args...)
		if stdout != "" || code != c.code || !strings.Contains(stderr, c.says) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: exit %d, %q, %q", c.args, code, stdout, stderr)
		}
	}
}
