package schema_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/schema"
)

func anyKind(schema.Kind) bool { return true }

// Names that look alike have different texts, and each text reads back as its name.
func TestRefsOfHostileNames(t *testing.T) {
	for name, want := range map[string]string{
		"/plain":              "pshm:/plain",
		"/caf\xe8":            `pshm:/caf\xe8`,
		"/caf\xe9":            `pshm:/caf\xe9`,
		"/café":               `pshm:/café`,
		"/esc\x1b[1m":         `pshm:/esc\x1b[1m`,
		`/esc\x1b[1m`:         `pshm:/esc\x5cx1b[1m`,
		`/C:\temp\xyz`:        `pshm:/C:\temp\xyz`,
		`/\` + "\x1b":         `pshm:/\\x1b`,
		`/\\x1b`:              `pshm:/\\x5cx1b`,
		"/a b":                `pshm:/a\x20b`,
		`/a\x20b`:             `pshm:/a\x5cx20b`,
		"/rtl\u202e":          `pshm:/rtl\u202e`,
		`/rtl\u202e`:          `pshm:/rtl\x5cu202e`,
		"/c1\u0085":           `pshm:/c1\u0085`,
		"/tag\U000e0041":      `pshm:/tag\U000e0041`,
		"/line\u2028\xf0\x9f": `pshm:/line\u2028\xf0\x9f`,
		"/jobs@0:42":          `pshm:/jobs\x400:42`,
		"/jobs@0:42@0:43":     `pshm:/jobs@0:42\x400:43`,
		"/user@host":          `pshm:/user@host`,
		"/nul\x00":            `pshm:/nul\x00`,
	} {
		ref := schema.Ref{Kind: schema.PShm, Name: name}
		if got := ref.String(); got != want {
			t.Errorf("%q prints %s, want %s", name, got, want)
		}
		checkRef(t, ref)
	}
	queue := schema.Ref{Kind: schema.PMsg, Name: "/q@4026532178"}
	if want := `pmsg:/q\x404026532178`; queue.String() != want {
		t.Errorf("got %s, want %s", queue, want)
	}
}

// A person may type a name as the bytes that it has. Only a text that ipctop prints for another name means that name.
func TestTypedNames(t *testing.T) {
	type meaning struct {
		Name, Typed string
		Space       uint64
	}
	for text, want := range map[string]meaning{
		"pshm:/a b":          {Name: "/a b"},
		"pshm:/caf\xe9":      {Name: "/caf\xe9"},
		`pshm:/C:\temp`:      {Name: `/C:\temp`},
		`pshm:/esc\x1b`:      {Name: "/esc\x1b"},
		`pshm:/dev\x2ddisk`:  {Name: "/dev-disk", Typed: `/dev\x2ddisk`},
		`pshm:/caf\xE9`:      {Name: "/caf\xe9", Typed: `/caf\xE9`},
		`pshm:/a b\x1b`:      {Name: "/a b\x1b"}, // as a column of names prints it
		"pshm:/jobs@0:42":    {Name: "/jobs", Space: 42},
		"pshm:/my jobs@0:42": {Name: "/my jobs", Space: 42, Typed: "/my jobs@0:42"},
		`pshm:/\ud800`:       {Name: `/\ud800`},
		`pshm:/\U00110000`:   {Name: `/\U00110000`},
		`unix:@a\x00b`:       {Name: "@a\x00b"},
		"unix:@a@4026532178": {Name: "@a@4026532178"},
	} {
		s, err := schema.ParseSelector(text, anyKind)
		if err != nil || s.By != schema.ByName {
			t.Errorf("%s: %+v, %v", text, s, err)
		}
		if diff := cmp.Diff(want, meaning{s.Name, s.Typed, s.Space}); diff != "" {
			t.Errorf("%s:\n%s", text, diff)
		}
	}
}

func FuzzRefOfName(f *testing.F) {
	for _, s := range []string{"a", `\x1b`, "\x1b", `\\x5c`, "\xe8", "@0:42", "@4026532178", `\u202e `,
		"\u2028\u0085\u061c"} {
		f.Add(s, s+"b", uint64(0))
		f.Add(s, `\`+s, uint64(4026532178))
	}
	f.Fuzz(func(t *testing.T, a, b string, space uint64) {
		if schema.Unprinted(schema.Printed(a)) != a {
			t.Errorf("%q prints %s, which reads %q", a, schema.Printed(a), schema.Unprinted(schema.Printed(a)))
		}
		if a != b && schema.Printed(a) == schema.Printed(b) {
			t.Errorf("%q and %q both print %s", a, b, schema.Printed(a))
		}
		for _, kind := range []schema.Kind{schema.PShm, schema.PSem, schema.PMsg} {
			if kind == schema.PMsg {
				space |= 1 << 32 // numbers of namespaces are large
			}
			here, there := schema.Ref{Kind: kind, Name: "/" + a}, schema.Ref{Kind: kind, Name: "/" + b, Space: space}
			checkRef(t, here)
			checkRef(t, there)
			if here != there && here.String() == there.String() {
				t.Errorf("%+v and %+v both print %s", here, there, here)
			}
		}
	})
}

// checkRef fails if the text of a Ref is unsafe, or does not read back as the Ref.
func checkRef(t *testing.T, ref schema.Ref) {
	t.Helper()
	text := ref.String()
	unsafe := func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsGraphic(r) || unicode.Is(unicode.Bidi_Control, r)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unsafe) {
		t.Errorf("%+v prints %q", ref, text)
	}
	s, err := schema.ParseSelector(text, anyKind)
	want := schema.Selector{Kind: ref.Kind, By: schema.ByName, Name: ref.Name, Space: ref.Space, Text: text}
	if diff := cmp.Diff(want, s); diff != "" || err != nil {
		t.Errorf("%s: %v\n%s", text, err, diff)
	}
}
