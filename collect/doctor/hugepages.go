package doctor

import (
	"fmt"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

// hugePages names the segments that may keep reserved huge pages while nobody has them attached. The kernel reserves
// them all when a segment is made with SHM_HUGETLB (newseg in ipc/shm.c, hugetlb_file_setup in fs/hugetlbfs/inode.c).
// Nothing but a mapping tells which segments are of that sort, so the finding is a guess.
func hugePages(x *examination) []schema.Finding {
	m, err := x.host.Memory()
	if !x.read("/proc/meminfo", err) || m.HugeReserved == 0 || m.HugePage == 0 {
		return nil
	}
	f := schema.Finding{Kind: "huge-pages", Severity: schema.Info, Proof: schema.Inferred,
		Advice: "Nothing else can have these pages. If one of the segments is left behind, its removal gives them " +
			"back: `ipctop leaks shm` tells, and the command that removes it."}
	var lines []string
	rowsOf(x, schema.Shm, func(ref schema.Ref, r *kinds.ShmRow) {
		if r.NAttch == 0 && r.Size >= m.HugePage && (!r.HasRSS || r.RSS+r.Swap < r.Size) {
			f.Refs = append(f.Refs, ref)
			lines = append(lines,
				fmt.Sprintf("%s of %s, %s, is attached by nobody and not wholly in use", ref, r.Owners.User,
					inBytesWords(r.Size)))
		}
	})
	if len(lines) == 0 {
		return nil
	}
	f.Says = fmt.Sprintf("segments that nobody has attached may keep reserved huge pages: %s are reserved "+
		"and not in use",
		inBytesWords(m.HugeReserved*m.HugePage))
	f.Evidence = append([]string{fmt.Sprintf("HugePages_Rsvd of /proc/meminfo is %d, of %s each", m.HugeReserved,
		inBytesWords(m.HugePage))}, firstOf(8, lines)...)
	return []schema.Finding{f}
}
