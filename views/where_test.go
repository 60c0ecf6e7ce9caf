package views_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

type thing struct {
	key    uint32
	size   uint64
	status string
	age    time.Duration
	denied bool
	some   bool // some of ends could not be seen
	ends   []schema.Endpoint
}

func thingMechanism() *kinds.Mechanism {
	col := schema.Col[thing]
	return &kinds.Mechanism{Kind: "thing", Columns: []schema.Column{
		col("key", schema.TypeKey, 10, 0, "", func(t *thing) schema.Value { return schema.Key(t.key) }),
		col("size", schema.TypeBytes, 10, 0, "", func(t *thing) schema.Value {
			if t.denied {
				return schema.Refused(schema.TypeBytes)
			}
			return schema.Bytes(t.size)
		}),
		col("type", schema.TypeString, 10, 0, "", func(t *thing) schema.Value {
			if t.status == "" {
				return schema.None(schema.TypeString)
			}
			return schema.String(t.status)
		}),
		col("perms", schema.TypePerms, 10, 0, "", func(t *thing) schema.Value { return schema.Perms(0o640) }),
		col("age", schema.TypeDuration, 10, 0, "", func(t *thing) schema.Value { return schema.Duration(t.age) }),
		col("holders", schema.TypeEndpoints, 10, 0, "",
			func(t *thing) schema.Value { return schema.Endpoints(t.ends, t.some) }),
	}}
}

func TestWhereMatches(t *testing.T) {
	m := thingMechanism()
	o := &schema.Object{Ref: schema.Ref{Kind: "thing", ID: 7},
		Row: &thing{key: 0xdeadbeef, size: 4096, age: 3 * time.Hour,
			ends: []schema.Endpoint{{PID: 12, Comm: "cat", FD: 3, Mode: "r"}}}}
	hidden := &schema.Object{Ref: schema.Ref{Kind: "thing", ID: 8}, Row: &thing{denied: true}}
	for source, want := range map[string][2]bool{
		`size == 4096`:        {true, false},
		`size != 4096`:        {false, false}, // a denied cell is not unequal
		`not (size > 4096)`:   {true, false},
		`size == nil`:         {false, true},
		`nil != size`:         {true, false},
		`size >= bytes("4K")`: {true, false},
		`age > duration("1h") and age < duration("1d")`:   {true, false},
		`key == 0xdeadbeef`:                               {true, false},
		`key == "0xdeadbeef"`:                             {true, false},
		`key != "0xdeadbeef"`:                             {false, true},
		`perms == "0640"`:                                 {true, true},
		`perms == 0o640`:                                  {true, true},
		`type == ""`:                                      {true, true},
		`type != "dest"`:                                  {true, true},
		`any(holders, .pid == 12)`:                        {true, false},
		`len(holders) == 0`:                               {false, true},
		`kind == "thing" and ref == "thing:7"`:            {true, false},
		`ref in ["thing:7", "thing:9"]`:                   {true, false},
		`let big = 4000; size > big`:                      {true, false},
		`key in [0x5153, 0xdeadbeef]`:                     {true, false},
		`key in ["0xdeadbeef"]`:                           {true, false},
		`key in ["0x5153", 0x5154]`:                       {false, false},
		`key not in ["0xdeadbeef", "0x5153"]`:             {false, true},
		`not (key in ["0xdeadbeef"])`:                     {false, true},
		`perms in ["0600", "0640"]`:                       {true, true},
		`perms in [0o600, 0o640]`:                         {true, true},
		`perms not in ["0640"] or key in []`:              {false, false},
		`age > duration("1.5h") and age < duration("1w")`: {true, false},
	} {
		w, err := views.CompileWhere([]*kinds.Mechanism{m}, source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got := [2]bool{w.Match(o), w.Match(hidden)}; got != want {
			t.Errorf("%s: got %v, want %v", source, got, want)
		}
	}
}

func TestWhereMistakes(t *testing.T) {
	for source, want := range map[string]string{
		`sise > 3`: `unknown column "sise": did you mean size?`,
		`size >`:   `bad expression "size >": unexpected token EOF at column 6`,
		`size == "big"`: `bad expression "size == "big"": invalid operation: == (mismatched ` +
			`types int and string) at column 6`,
		`perms != 0600`: `0600 is a decimal number, and perms are octal: ` +
			`say "0600" or 0o600`,
		`644 == perms`:  `644 is a decimal number, and perms are octal: say "0644" or 0o644`,
		`perms == "rw"`: `"rw" are no permission bits: say "0600"`,
		`key != "x"`:    `"x" is no key: say "0x00001234"`,
		`perms in [0o644, 0600]`: `0600 is a decimal number, and perms are octal: ` +
			`say "0600" or 0o600`,
		`perms not in [0644]`: `0644 is a decimal number, and perms are octal: ` +
			`say "0644" or 0o644`,
		`perms in ["rw"]`: `"rw" are no permission bits: say "0600"`,
		`key in ["x"]`:    `"x" is no key: say "0x00001234"`,
		`key in [1.5]`: `bad expression "key in [1.5]": invalid operation: ` +
			`== (mismatched types key and float64) at column 5`,
		`perms < 0o644`: `bad expression "perms < 0o644": invalid operation: ` +
			`< (mismatched types perms and int) at column 7`,
		`age > duration("1x")`:              `"1x" is no duration: say 90s, 5m, 1h30m, 7d`,
		`size == 1 or age > duration("1x")`: `"1x" is no duration: say 90s, 5m, 1h30m, 7d`,
		`size > bytes("64Q")`:               `"64Q" is no size: say 4096, 64K, 1.5M, 2G`,
		`size > bytes("64 K")`:              `"64 K" is no size: say 4096, 64K, 1.5M, 2G`,
		`date("bogus") > now()`: `"bogus" is no date: say 2006-01-02, 2006-01-02 15:04:05 or ` +
			`as RFC 3339 does`,
		`date("2026-13-01", "2006-01-02") > now()`: `"2026-13-01" is no date: say 2006-01-02, 2006-01-02 15:04:05 ` +
			`or as RFC 3339 does`,
		`now().In(timezone("Mars")) > now()`: `"Mars" is no time zone: say UTC or Europe/Berlin`,
		`holders`:                            `bad expression "holders": expected bool, but got list of processes`,
		`key`:                                `bad expression "key": expected bool, but got key`,
		`key == len(filter(holders, .foo == 1))`: `bad expression "key == len(filter(holders, .foo == 1))": ` +
			`type process has no field foo at column 29: a process has the fields pid, tid, comm, fd, mode, maps`,
		`key > duration("1h")`: `bad expression "key > duration("1h")": invalid operation: > (mismatched ` +
			`types key and duration) at column 5`,
		`any(holders, .foo == 1)`: `bad expression "any(holders, .foo == 1)": type process has no field foo at ` +
			`column 15: a process has the fields pid, tid, comm, fd, mode, maps`,
		`any(holders, .tid == "x")`: `bad expression "any(holders, .tid == "x")": invalid operation: ` +
			`== (mismatched types int and string) at column 19`,
		`any(holders, .comm.x == 1)`: `bad expression "any(holders, .comm.x == 1)": type string has no field ` +
			`x at column 20`,
		`"1x" | duration() > age`: `"1x" is no duration: say 90s, 5m, 1h30m, 7d`,
		`size`:                    `bad expression "size": expected bool, but got int`,
	} {
		_, err := views.CompileWhere([]*kinds.Mechanism{thingMechanism()}, source)
		got := "no error"
		if err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", source, diff)
		}
	}
}

func TestWhereTellsWhatItCouldNotDecide(t *testing.T) {
	w, err := views.CompileWhere([]*kinds.Mechanism{thingMechanism()}, `size > 1`)
	if err != nil {
		t.Fatal(err)
	}
	w.Match(&schema.Object{Ref: schema.Ref{Kind: "thing"}, Row: &thing{denied: true}})
	rows, columns := w.Undecided()
	if rows != 1 || !cmp.Equal(columns, []string{"size"}) {
		t.Errorf("got %d rows, columns %v", rows, columns)
	}
}

// A kind that lacks a column of the expression matches nothing, and Lacks reports it.
func TestWhereTellsWhatAKindLacks(t *testing.T) {
	other := &kinds.Mechanism{Kind: "other", Columns: []schema.Column{
		schema.Col[thing]("colour", schema.TypeString, 10, 0, "",
			func(*thing) schema.Value { return schema.String("red") }),
	}}
	w, err := views.CompileWhere([]*kinds.Mechanism{thingMechanism(), other},
		`kind == "thing" and colour != "blue" or size > 5`)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []schema.Kind{"thing", "thing", "other"} {
		if w.Match(&schema.Object{Ref: schema.Ref{Kind: kind}, Row: &thing{size: 9}}) {
			t.Errorf("%s matched", kind)
		}
	}
	want := []views.Lack{{Kind: "thing", Columns: []string{"colour"}, Rows: 2},
		{Kind: "other", Columns: []string{"size"}, Rows: 1}}
	if diff := cmp.Diff(want, w.Lacks()); diff != "" {
		t.Error(diff)
	}
	if again := w.Lacks(); again != nil {
		t.Errorf("said twice: %v", again)
	}
}

// A partial list of processes proves only the processes in it.
func TestWhereOverSomeProcesses(t *testing.T) {
	o := &schema.Object{Ref: schema.Ref{Kind: "thing", ID: 7},
		Row: &thing{some: true, ends: []schema.Endpoint{{PID: 12, Comm: "cat", FD: 3}}}}
	type answer struct{ match, decided bool }
	for source, want := range map[string]answer{
		`any(holders, .pid == 12)`:                           {true, true},
		`any(holders, .pid == 13)`:                           {false, false},
		`not any(holders, .pid == 12)`:                       {false, true},
		`not any(holders, .pid == 13)`:                       {false, false},
		`none(holders, .pid == 13)`:                          {false, false},
		`all(holders, .comm == "cat")`:                       {false, false},
		`len(holders) == 1`:                                  {false, false},
		`len(holders) < 2 and size >= 0`:                     {false, false},
		`holders | any(.pid == 12)`:                          {true, true},
		`any(holders, len(holders) == 1)`:                    {false, false},
		`let h = holders; none(h, .pid == 13)`:               {false, false},
		`any(holders, any([1], # == 2)) or kind != ""`:       {false, false},
		`any(holders, let p = .pid; any([12, 13], # == p))`:  {true, true},
		`count(holders, .pid == 13) == 0 and perms == 0o640`: {false, false},
	} {
		w, err := views.CompileWhere([]*kinds.Mechanism{thingMechanism()}, source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		got := answer{match: w.Match(o)}
		rows, _ := w.Undecided()
		if got.decided = rows == 0; got != want {
			t.Errorf("%s: got %+v, want %+v", source, got, want)
		}
	}
}
