package utillinux

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/kerneltest"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
	"github.com/ipctop/ipctop/views/once"
)

// For any population, ipcs prints the same values as the JSON of ipctop --once. The test reads the tables of ipcs as a
// script does.
func TestIpcsSaysWhatOnceSays(t *testing.T) {
	kerneltest.InNamespace(t, func() {
		accounts(t)
		rnd := kerneltest.Random(t)
		for range 10 {
			populate(t, rnd, 6)
			if diff := cmp.Diff(onceRecords(t), ipcsRecords()); diff != "" {
				t.Fatalf("-once +ipcs:\n%s", diff)
			}
		}
	})
}

// record is an object: its values as text, by the names of the columns in JSON.
type record map[string]string

// ipcsRecords reads the tables of ipcs -b and ipcs -p.
func ipcsRecords() map[string]record {
	all := map[string]record{}
	read := func(text string, columns map[string]string) {
		kind := ""
		for line := range strings.Lines(text) {
			fields := strings.Fields(line)
			switch {
			case strings.HasPrefix(line, "---"):
				kind = map[string]string{"Message": "msg", "Shared": "shm", "Semaphore": "sem"}[fields[1]]
			case len(fields) == 0 || fields[0] == "key" || strings.HasSuffix(fields[0], "id"):
			default:
				names := words(columns[kind])
				r := record{}
				for i, name := range names {
					r[name] = fields[i]
				}
				if kind == "shm" && len(names) == 6 {
					r["status"] = strings.Join(fields[6:], ",")
				}
				ref := kind + ":" + r["id"]
				if all[ref] == nil {
					all[ref] = record{}
				}
				for name, value := range r {
					all[ref][name] = value
				}
			}
		}
	}
	read(ours("ipcs", "-b").Stdout, map[string]string{
		"msg": "key id owner perms usedbytes msgs", "shm": "key id owner perms size nattch",
		"sem": "key id owner perms nsems",
	})
	read(ours("ipcs", "-p").Stdout, map[string]string{"msg": "id owner lspid lrpid", "shm": "id owner cpid lpid"})
	return all
}

// onceRecords reads the same columns from ipctop --once -o json.
func onceRecords(t *testing.T) map[string]record {
	t.Helper()
	request := collect.Request{Want: map[schema.Kind]schema.Need{}}
	var sections []once.Section
	for _, m := range must(views.Select([]string{"msg", "shm", "sem"}))(t) {
		s := once.Section{Table: views.Table{Mechanism: m, Columns: once.Columns("json", m)}}
		request.Want[m.Kind] = s.Needs()
		sections = append(sections, s)
	}
	snap := collect.New(must(kernel.Open(""))(t), time.Now).Take(request)
	for i := range sections {
		sections[i].Rows = sections[i].Table.Rows(snap)
	}
	var text bytes.Buffer
	check(t, once.Write(&text, snap, sections, once.Options{Output: "json", Format: views.Format{Now: time.Now()}}))
	var doc struct {
		Objects map[string][]map[string]any
	}
	d := json.NewDecoder(&text)
	d.UseNumber()
	check(t, d.Decode(&doc))
	all := map[string]record{}
	for kind, objects := range doc.Objects {
		columns := words(map[string]string{
			"msg": "key id owner perms usedbytes msgs lspid lrpid",
			"shm": "key id owner perms size nattch status cpid lpid",
			"sem": "key id owner perms nsems",
		}[kind])
		for _, object := range objects {
			r := record{}
			for _, column := range columns {
				r[column] = asIpcs(column, object[column])
			}
			all[object["ref"].(string)] = r
		}
	}
	return all
}

// asIpcs gives a JSON value as ipcs prints it.
func asIpcs(column string, value any) string {
	text := fmt.Sprint(value)
	switch {
	case column == "owner":
		return text[:min(len(text), 10)]
	case column == "perms":
		if text = strings.TrimLeft(text, "0"); text == "" {
			return "0"
		}
	case value == nil && column == "status":
		return ""
	case value == nil: // no process has used the object yet
		return "0"
	}
	return text
}
