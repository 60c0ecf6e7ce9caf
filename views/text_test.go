package views_test

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

func TestSize(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0", 1: "1", 1023: "1023", 1024: "1.0K", 1536: "1.5K", 10188: "9.9K", 10189: "10K", 10240: "10K",
		1047552: "1023K",
		1048063: "1023K", 1048064: "1.0M",
		1 << 20: "1.0M", 64 << 20: "64M", 1<<30 - 1: "1.0G", 1 << 40: "1.0T", 1 << 50: "1.0P", 1 << 60: "1.0E",
		math.MaxUint64: "16E",
	} {
		if got := views.Size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", 250 * time.Millisecond: "0.25s", 9990 * time.Millisecond: "9.99s",
		59 * time.Second: "59s", 90*time.Second + time.Millisecond: "1m30s",
		time.Hour - time.Second: "59m59s", time.Hour: "1h00m", 25 * time.Hour: "1d01h",
		1000 * 24 * time.Hour: "1000d00h",
	} {
		if got := views.Span(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestMoment(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 30, 0, 0, time.UTC)
	for then, want := range map[time.Time]string{
		now.Add(-time.Minute):                                "00:29:00",
		now.Add(-time.Hour):                                  "Feb28-23:30",
		now.AddDate(-1, 0, 0):                                "2025-03-01",
		now.In(time.FixedZone("east", 5*3600)):               "00:30:00", // in the zone of now
		time.Date(2025, 12, 31, 23, 0, 0, 0, now.Location()): "2025-12-31",
	} {
		if got := views.Moment(then, now); got != want {
			t.Errorf("%v: %s, want %s", then, got, want)
		}
	}
}

func TestTextOfEachType(t *testing.T) {
	moment := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ends := []schema.Endpoint{{PID: 1, Comm: "a"}, {PID: 1, Comm: "a", FD: 4}, {PID: 2, Comm: "b b"},
		{PID: 3, Comm: "\x1b"}, {PID: 4, Comm: "d"}, {PID: 5, Comm: "e"}}
	for _, c := range []struct {
		value           schema.Value
		human, raw, doc string
	}{
		{schema.String("a\x1b b"), `a\x1b b`, `a\x1b b`, `"a\u001b b"`},
		{schema.Int(-12345), "-12345", "-12345", "-12345"},
		{schema.Bytes(math.MaxUint64), "16E", "18446744073709551615", "18446744073709551615"},
		{schema.Duration(90 * time.Minute), "1h30m", "5400", "5400"},
		{schema.Duration(1500 * time.Millisecond), "1.50s", "1.5", "1.5"},
		{schema.Time(moment), "12:00:00", "2026-03-01T12:00:00Z", `"2026-03-01T12:00:00Z"`},
		{schema.Time(time.Time{}), "", "", "null"},
		{schema.UnixTime(0), "", "", "null"},
		{schema.Perms(0o100644), "0644", "0644", `"0644"`},
		{schema.Key(0xdeadbeef), "0xdeadbeef", "0xdeadbeef", `"0xdeadbeef"`},
		{schema.Bool(true), "yes", "yes", "true"},
		{schema.Bool(false), "no", "no", "false"},
		{schema.Float(12.345), "12.3", "12.3", "12.35"},
		{schema.List([]string{"dest", "locked"}), "dest,locked", "dest,locked", `["dest","locked"]`},
		{schema.List([]string{"a b, c", "d"}), "a b, c; d", "a b, c,d", `["a b, c","d"]`},
		{schema.List(nil), "", "", "[]"},
		{schema.RefValue(schema.Ref{Kind: schema.Fifo, Space: schema.MakeDev(0, 35), ID: 12}), "fifo:12@0:35",
			"fifo:12@0:35",
			`"fifo:12@0:35"`},
		{schema.Endpoints(ends, false), `1/a,2/b b,3/\x1b,4/d,+1`, `1/a,2/b b,3/\x1b,4/d,5/e`, ""},
		{schema.Endpoints([]schema.Endpoint{{PID: 6, Comm: "a"}, {PID: 7, Comm: "b"}, {PID: 6, Comm: "a", FD: 9},
			{PID: 7, Comm: "b", FD: 3}}, false), "6/a,7/b", "6/a,7/b", ""},
		{schema.Endpoints(ends[:1], true), "1/a+?", "1/a+?", `[{"pid":1,"comm":"a","fd":0}]`},
		{schema.Endpoints(nil, true), "denied", "denied", "null"},
		{schema.Endpoints(nil, false), "", "", "[]"},
		{schema.None(schema.TypeInt), "", "", "null"},
		{schema.Refused(schema.TypeInt), "denied", "denied", "null"},
		{schema.Uncollected(schema.TypeInt), "…", "…", "null"},
	} {
		now := moment.Add(time.Hour)
		got := []string{views.Text(c.value, views.Format{Now: now}),
			views.Text(c.value, views.Format{Now: now, Bytes: true}),
			string(views.AppendJSON(nil, c.value))}
		if c.doc == "" {
			got[2] = ""
		}
		// JSON has the times in the reader's zone.
		got[2] = strings.ReplaceAll(got[2], moment.Local().Format(time.RFC3339), moment.Format(time.RFC3339))
		got[1] = strings.ReplaceAll(got[1], moment.Local().Format(time.RFC3339), moment.Format(time.RFC3339))
		if diff := cmp.Diff([]string{c.human, c.raw, c.doc}, got); diff != "" {
			t.Errorf("%v:\n%s", c.value.Type(), diff)
		}
	}
}

func TestObjectInJSON(t *testing.T) {
	m := thingMechanism()
	hidden := &schema.Object{Ref: schema.Ref{Kind: "thing", ID: 8}, Row: &thing{denied: true}}
	got := string(views.AppendObject(nil, hidden, views.RecordColumns(m)))
	want := `{"ref":"thing:8","key":"0x00000000","size":null,"type":null,"perms":"0640","age":0,"holders":[],` +
		`"denied":["size"]}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A row names the first hundred of the processes that many rows have in common, and tells how many there are.
func TestSharedProcesses(t *testing.T) {
	ends := make([]schema.Endpoint, schema.MostShared+3)
	for i := range ends {
		ends[i] = schema.Endpoint{PID: i + 1, Comm: "a", FD: -1}
	}
	c := schema.Col("enders", schema.TypeEndpoints, 10, 0, "", func(v *schema.Value) schema.Value { return *v })
	for n, want := range map[int]string{schema.MostShared: "100", schema.MostShared + 3: "100,+3; enders_total 103"} {
		v := schema.SharedEndpoints(ends[:n])
		raw := views.Text(v, views.Format{Bytes: true})
		got := strconv.Itoa(strings.Count(raw, "/a"))
		if _, rest, ok := strings.Cut(raw, ",+"); ok {
			got += ",+" + rest
		}
		var row struct {
			Enders []struct{ PID int }
			Total  int `json:"enders_total"`
		}
		doc := views.AppendObject(nil, &schema.Object{Row: &v}, []schema.Column{c})
		if err := json.Unmarshal(doc, &row); err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		if row.Total > 0 {
			got += "; enders_total " + strconv.Itoa(row.Total)
		}
		if got != want || len(row.Enders) != schema.MostShared || len(v.Endpoints()) != n {
			t.Errorf("%d processes: %s, and %d in JSON, want %s", n, got, len(row.Enders), want)
		}
	}
}

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"plain text, ünïcode 中文 😀 e\u0301": "plain text, ünïcode 中文 😀 e\u0301",
		"\x1b[31m":      `\x1b[31m`,
		"a\nb\tc\x7f":   `a\x0ab\x09c\x7f`,
		"\xff\xc3":      `\xff\xc3`,
		"\u009b":        `\u009b`,
		"\u202e\u200b":  `\u202e\u200b`,
		"\ufeff\u00a0":  `\ufeff\u00a0`,
		"\u2028":        `\u2028`,
		"\U000e0041":    `\U000e0041`,
		"\ufffd is one": "\ufffd is one",
		"[red]":         "[red]",
	} {
		if got := views.Visible(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"msg", "sem", "shm", "pipe", "processes", "nattch"}
	for word, want := range map[string]string{"shn": "shm", "natch": "nattch", "PIPE": "pipe", "proc": "processes",
		"sems": "sem"} {
		if got := views.Nearest(word, names); got != want {
			t.Errorf("%s: %q, want %q", word, got, want)
		}
	}
	if got := views.Nearest("x", nil); got != "" {
		t.Errorf("nothing to choose from: %q", got)
	}
}

func TestParseColumns(t *testing.T) {
	m := thingMechanism()
	base := views.ParseColumns(m, "ref,size", nil)
	for spec, want := range map[string][]string{
		"":                {"ref", "size"},
		"size":            {"size"},
		"age,size,age":    {"age", "size"},
		"+age":            {"ref", "size", "age"},
		"+age,+key":       {"ref", "size", "age", "key"},
		"+age,key":        {"ref", "size", "age", "key"},
		"+size":           {"ref", "size"},
		"-size":           {"ref"},
		"-ref,+key":       {"size", "key"},
		"all":             {"ref", "kind", "key", "size", "type", "perms", "age", "holders"},
		"all,-kind,-type": {"ref", "key", "size", "perms", "age", "holders"},
		"other,size":      {"size"}, // a column of another kind
		",size,,":         {"size"},
	} {
		var got []string
		for _, c := range views.ParseColumns(m, spec, base) {
			got = append(got, c.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", spec, diff)
		}
	}
	if err := views.CheckColumns([]*kinds.Mechanism{m}, views.ColumnIDs("+age,-size,all,key")); err != nil {
		t.Error(err)
	}
	if err := views.CheckColumns([]*kinds.Mechanism{m}, views.ColumnIDs("+sise")); err == nil ||
		err.Error() != `unknown column "sise": did you mean size?` {
		t.Error(err)
	}
}

func TestRowsAreSorted(t *testing.T) {
	m := thingMechanism()
	object := func(id uint64, row thing) *schema.Object {
		return &schema.Object{Ref: schema.Ref{Kind: "thing", ID: id}, Row: &row}
	}
	snap := &collect.Snapshot{Objects: map[schema.Kind][]*schema.Object{"thing": {
		object(1, thing{size: 9}), object(2, thing{size: 1 << 63, status: "b"}), object(3, thing{denied: true}),
		object(4, thing{size: 100, status: "a"}), object(5, thing{size: 9, age: -1}),
	}}}
	for spec, want := range map[string][]uint64{
		"":          {1, 2, 3, 4, 5},
		"size":      {1, 5, 4, 2, 3}, // numeric, unsigned; equal cells keep their order; denied cells last
		"-size":     {2, 4, 1, 5, 3},
		"size,age":  {5, 1, 4, 2, 3},
		"type":      {4, 2, 1, 3, 5},
		"-type":     {2, 4, 1, 3, 5},
		"type,size": {4, 2, 1, 5, 3},
	} {
		table := views.Table{Mechanism: m, Sort: views.ParseSort(spec)}
		var got []uint64
		for _, o := range table.Rows(snap) {
			got = append(got, o.Ref.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", spec, diff)
		}
	}
}

func TestParseSizeAndDuration(t *testing.T) {
	for text, want := range map[string]uint64{"0": 0, "4096": 4096, "64K": 65536, "64KiB": 65536, "64k": 65536,
		"64KB": 64000, "1.5M": 3 << 19, "2G": 2 << 30, "1E": 1 << 60, "12B": 12} {
		if got, err := views.ParseSize(text); got != want || err != nil {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "K", "-1", "1X", "1KX", "1KiBs", "1..2", "99999999999E", "0x10", "1 K"} {
		if got, err := views.ParseSize(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "1h30m": 90 * time.Minute,
		"7d": 7 * 24 * time.Hour, "2w": 14 * 24 * time.Hour, "0.5d": 12 * time.Hour, "100ms": 100 * time.Millisecond} {
		if got, err := views.ParseDuration(text); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "1", "1y", "infd", "NaNw", "1e300d", "9999999w"} {
		if got, err := views.ParseDuration(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// harmless is true if a terminal and a UTF-8 reader can take the text unchanged.
func harmless(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Bidi_Control, r) ||
			unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
	})
}

func FuzzVisible(f *testing.F) {
	for _, s := range []string{"", "plain", "\x1b[31m", "\xff", "\u202e", "\u009b", "\U000e0041"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		shown := views.Visible(s)
		if !harmless(shown) {
			t.Errorf("%q is shown as %q", s, shown)
		}
		if views.Visible(shown) != shown {
			t.Errorf("%q changes when shown twice", shown)
		}
	})
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", `q"\`, "\x1b[31m", "\xff\xfe", "\u202e", "\U000e0041\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := views.AppendString(nil, s)
		if !harmless(string(b)) {
			t.Errorf("%q is written as %q", s, b)
		}
		var back string
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatalf("%q is written as %s: %v", s, b, err)
		}
		if utf8.ValidString(s) && back != s {
			t.Errorf("%q comes back as %q", s, back)
		}
	})
}

func FuzzCompileWhere(f *testing.F) {
	for _, s := range []string{`size == 4096`, `not (age > duration("1h"))`, `any(holders, .pid == 12)`, `key == "0x1"`,
		`size`, `"`, `$get_size()`, `let a = 1; a == size`, `size in 1..3`, `now() > now()`, "size ?? 1 == 1"} {
		f.Add(s)
	}
	o := &schema.Object{Ref: schema.Ref{Kind: "thing", ID: 7},
		Row: &thing{key: 1, size: 4096, ends: []schema.Endpoint{{PID: 12}}}}
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 200 { // a long expression can run for ever
			return
		}
		w, err := views.CompileWhere([]*kinds.Mechanism{thingMechanism()}, source)
		if err != nil {
			if says := err.Error(); !harmless(says) {
				t.Errorf("%q: %q", source, says)
			}
			return
		}
		w.Match(o)
	})
}

func FuzzParseColumns(f *testing.F) {
	f.Add("+a,-b,all")
	f.Fuzz(func(t *testing.T, spec string) {
		m := thingMechanism()
		if columns := views.ParseColumns(m, spec, views.DefaultColumns(m)); len(columns) > len(views.ColumnsOf(m)) {
			t.Errorf("%q: %d columns", spec, len(columns))
		}
		views.ParseSort(spec)
		views.ParseSize(spec)
		views.ParseDuration(spec)
		views.CheckColumns([]*kinds.Mechanism{m}, views.ColumnIDs(spec))
	})
}
