package schema_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/schema"
)

func TestCompare(t *testing.T) {
	end := func(pid, fd int) schema.Endpoint { return schema.Endpoint{PID: pid, FD: fd} }
	// Each list is in rising order.
	for name, values := range map[string][]schema.Value{
		"strings": {schema.String(""), schema.String("10"), schema.String("9"), schema.String("a")},
		"numbers": {schema.Int(math.MinInt64), schema.Int(-1), schema.Int(9), schema.Int(10)},
		"sizes": {schema.Bytes(0), schema.Bytes(math.MaxInt64), schema.Bytes(1 << 63),
			schema.Bytes(math.MaxUint64)},
		"durations": {schema.Duration(-1), schema.Duration(time.Second), schema.Duration(time.Hour)},
		"times":     {schema.UnixTime(-1), schema.UnixTime(1), schema.UnixTime(2)},
		"keys":      {schema.Key(0), schema.Key(1), schema.Key(0x80000000), schema.Key(math.MaxUint32)},
		"perms":     {schema.Perms(0), schema.Perms(0o600), schema.Perms(0o777)},
		"bools":     {schema.Bool(false), schema.Bool(true)},
		"floats":    {schema.Float(-0.5), schema.Float(0), schema.Float(99.9), schema.Float(100)},
		"processes": {schema.Endpoints(nil, false), schema.Endpoints([]schema.Endpoint{end(9, 1)}, false),
			schema.Endpoints([]schema.Endpoint{end(9, 2)}, true),
			schema.Endpoints([]schema.Endpoint{end(1, 1), end(1, 2)}, false)},
		"lists": {schema.List(nil), schema.List([]string{"dest"}), schema.List([]string{"dest", "locked"}),
			schema.List([]string{"locked"})},
		"refs": {schema.RefValue(schema.Ref{Kind: "a", ID: 9}), schema.RefValue(schema.Ref{Kind: "a", ID: 10}),
			schema.RefValue(schema.Ref{Kind: "b"})},
	} {
		typ := values[0].Type()
		all := append(slices.Clone(values), schema.None(typ), schema.Refused(typ), schema.Uncollected(typ))
		for i, a := range all {
			for j, b := range all {
				up, down := i-j, i-j
				if i < len(values) && j < len(values) {
					down = j - i // only known cells change their order
				}
				if got := schema.Compare(a, b); sign(got) != sign(up) {
					t.Errorf("%s: Compare of %d and %d is %d", name, i, j, got)
				}
				if got := schema.CompareDesc(a, b); sign(got) != sign(down) {
					t.Errorf("%s: CompareDesc of %d and %d is %d", name, i, j, got)
				}
				if a.Equal(b) != (i == j) {
					t.Errorf("%s: Equal of %d and %d is %v", name, i, j, a.Equal(b))
				}
			}
		}
	}
}

func sign(n int) int { return min(1, max(-1, n)) }

func TestValuesOfDifferentTypesAreNotEqual(t *testing.T) {
	if schema.Int(1).Equal(schema.Bytes(1)) || schema.None(schema.TypeInt).Equal(schema.None(schema.TypeBytes)) {
		t.Error("a number is no size")
	}
	one := schema.Endpoint{PID: 1, FD: 3, Mode: "r"}
	other := one
	other.Mode = "w"
	if schema.Endpoints([]schema.Endpoint{one}, false).Equal(schema.Endpoints([]schema.Endpoint{other}, false)) {
		t.Error("a reader is no writer")
	}
	if schema.Endpoints([]schema.Endpoint{one}, false).Equal(schema.Endpoints([]schema.Endpoint{one}, true)) {
		t.Error("all of them are not some of them")
	}
}

func TestRefs(t *testing.T) {
	for text, ref := range map[string]schema.Ref{
		"shm:32769":                 {Kind: schema.Shm, ID: 32769, Gen: 12},
		"pshm:/jobs@0:42":           {Kind: schema.PShm, Name: "/jobs", Space: 42},
		"psem:/a@b@0:42":            {Kind: schema.PSem, Name: "/a@b", Space: 42},
		"shm:5@4026532178":          {Kind: schema.Shm, ID: 5, Space: 4026532178},
		"fifo:12@0:35":              {Kind: schema.Fifo, ID: 12, Space: schema.MakeDev(0, 35)},
		"fifo:12@259:1048577":       {Kind: schema.Fifo, ID: 12, Space: schema.MakeDev(259, 1048577)},
		`pshm:/a\x20name`:           {Kind: "pshm", Name: "/a name"},
		"inet:sk:1a2b":              {Kind: schema.Inet, Name: "sk:1a2b"},
		"inet:sk:1a2b@4026532178":   {Kind: schema.Inet, Name: "sk:1a2b", Space: 4026532178},
		"proc:18446744073709551615": {Kind: schema.Proc, ID: math.MaxUint64},
	} {
		if got := ref.String(); got != text {
			t.Errorf("%+v is %s, want %s", ref, got, text)
			continue
		}
		// A person can type the text of a Ref.
		s, err := schema.ParseSelector(text, func(schema.Kind) bool { return true })
		want := schema.Selector{Kind: ref.Kind, ID: ref.ID, Name: ref.Name, Space: ref.Space, Text: text}
		if ref.Name != "" {
			want.By = schema.ByName
		}
		if diff := cmp.Diff(want, s); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
}

func TestParseSelector(t *testing.T) {
	known := func(k schema.Kind) bool { return k == schema.Shm || k == schema.Fifo }
	for text, want := range map[string]schema.Selector{
		"shm:key=0x1234":        {Kind: schema.Shm, By: schema.ByKey, Key: 0x1234},
		"shm:key=4660":          {Kind: schema.Shm, By: schema.ByKey, Key: 4660},
		"shm:key=0xffffffff@77": {Kind: schema.Shm, By: schema.ByKey, Key: math.MaxUint32, Space: 77},
		"fifo:1@8:1":            {Kind: schema.Fifo, ID: 1, Space: schema.MakeDev(8, 1)},
	} {
		want.Text = text
		got, err := schema.ParseSelector(text, known)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
	for text, want := range map[string]string{
		"":                         "say KIND:ID, for example shm:32769",
		"32769":                    "say KIND:ID, for example shm:32769",
		"shm:":                     "say KIND:ID, for example shm:32769",
		"msg:1":                    `no kind is called "msg"`,
		"shm:x":                    `"x" is not a number: say shm:ID`,
		"shm:-1":                   `"-1" is not a number: say shm:ID`,
		"shm:1@":                   `"" is neither a namespace inode nor a device major:minor`,
		"shm:1@x:1":                `"x:1" is neither a namespace inode nor a device major:minor`,
		"shm:key=0":                "key 0 is IPC_PRIVATE and names no object: use the id",
		"shm:key=0x100000000":      "a System V key has 32 bits, 0x100000000 does not fit",
		"shm:key=y":                `"y" is not a key: say key=0x1234`,
		"shm:99999999999999999999": `"99999999999999999999" is not a number: say shm:ID`,
	} {
		_, err := schema.ParseSelector(text, known)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if whole := `not an object reference: "` + text + `": ` + want; got != whole {
			t.Errorf("%q:\n got %s\nwant %s", text, got, whole)
		}
	}
}

func FuzzParseSelector(f *testing.F) {
	for _, s := range []string{"shm:32769", "shm:key=0x1234@5", "fifo:1@8:1", "pshm:/a", "inet:sk:1f",
		"shm:1@4294967295:4294967295"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := schema.ParseSelector(text, func(schema.Kind) bool { return true })
		if err != nil {
			if s != (schema.Selector{}) {
				t.Errorf("%q: %+v beside an error", text, s)
			}
			return
		}
		if s.By != schema.ByID {
			return
		}
		// The Ref of the same object also names it.
		again, err := schema.ParseSelector(schema.Ref{Kind: s.Kind, ID: s.ID, Space: s.Space}.String(),
			func(schema.Kind) bool { return true })
		s.Text, again.Text, s.Inode = "", "", 0 // a Ref has the start time, not the inode of the pidfd
		if err != nil || again != s {
			t.Errorf("%q: %+v, then %+v, %v", text, s, again, err)
		}
	})
}
