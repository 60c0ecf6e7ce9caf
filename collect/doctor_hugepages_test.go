package collect

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/schema"
)

// Reserved huge pages lead to the segments that nobody has attached: not to small ones, nor to those in use.
func TestDoctorOnReservedHugePages(t *testing.T) {
	t.Parallel()
	m := collecttest.New(t)
	segment := func(id, size, attached, rss string) string {
		return "0 " + id + " 600 " + size + " 1 0 " + attached + " 7 7 7 7 0 0 946684000 " + rss + " 0"
	}
	m.SysV("shm", segment("1", "4194304", "0", "0"), segment("2", "4096", "0", "0"), segment("3", "4194304", "1", "0"),
		segment("4", "4194304", "0", "4194304"))
	look := func(reserved string) []schema.Finding {
		m.Write("/proc/meminfo", "MemTotal: 40000 kB\nHugePages_Rsvd: "+reserved+"\nHugepagesize: 2048 kB\n")
		return findingsOn(examined(t, m).Findings, "huge-pages", "")
	}
	if found := look("0"); len(found) != 0 {
		t.Errorf("none is reserved: %+v", found)
	}
	found := look("2")
	if len(found) != 1 {
		t.Fatalf("%+v", found)
	}
	want := schema.Finding{Kind: "huge-pages", Severity: schema.Info, Proof: schema.Inferred, Advice: found[0].Advice,
		Refs: []schema.Ref{{Kind: schema.Shm, ID: 1, Gen: 946684000}},
		Says: "segments that nobody has attached may keep reserved huge pages: 4 MiB are reserved and not in use",
		Evidence: []string{"HugePages_Rsvd of /proc/meminfo is 2, of 2 MiB each",
			"shm:1 of 7, 4 MiB, is attached by nobody and not wholly in use"}}
	if diff := gocmp.Diff(want, found[0]); diff != "" {
		t.Error(diff)
	}
}
