package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/schema"
)

const (
	smallDevShm = 64 << 20 // the usual mount of container engines
	// growDevShm takes a size as tmpfs(5) writes it.
	growDevShm = "`mount -o remount,size=%s /dev/shm`, and size= in /etc/fstab; for a container `docker run " +
		"--shm-size=SIZE`, in Kubernetes an emptyDir with medium: Memory"
)

// devShmSize checks that /dev/shm is there, is a tmpfs, and has the size that programs expect.
func devShmSize(x *examination) []schema.Finding {
	f := schema.Finding{Kind: "dev-shm", Severity: schema.Warning, Proof: schema.Observed}
	isTmpfs, err := x.host.DevShmIsTmpfs()
	if errors.Is(err, fs.ErrNotExist) {
		f.Says = "there is no /dev/shm: shm_open and sem_open fail with ENOENT"
		f.Evidence, f.Advice = []string{err.Error()},
			"`mkdir -m 1777 /dev/shm`, then `mount -t tmpfs -o nosuid,nodev tmpfs /dev/shm`"
		return []schema.Finding{f}
	}
	use, useErr := x.host.DevShmUse()
	if !x.read("/dev/shm", err) || !x.read("/dev/shm", useErr) {
		return nil
	}
	if !isTmpfs {
		f.Says = "/dev/shm is not kept in memory: POSIX shared memory and semaphores lie on a disk, " +
			"and stay after a reboot"
		f.Evidence, f.Advice = []string{"its file system is no tmpfs (statfs)"},
			"`mount -t tmpfs -o nosuid,nodev tmpfs /dev/shm`"
		return []schema.Finding{f}
	}
	m, err := x.host.Memory()
	if !x.read("/proc/meminfo", err) || use.Size == 0 {
		return nil
	}
	f.Evidence = []string{fmt.Sprintf("its size is %s (statfs), the machine has %s of memory; usual is one half",
		inBytesWords(use.Size), inBytesWords(m.Total))}
	f.Advice = fmt.Sprintf(growDevShm, "50%")
	const who = "programs that share memory between workers (PyTorch's DataLoader, NCCL, databases, browsers) run " +
		"into ENOSPC or die of SIGBUS"
	switch {
	case use.Size <= smallDevShm && m.Total/2 > use.Size:
		f.Says = fmt.Sprintf("/dev/shm is small, %s: %s", inBytesWords(use.Size), who)
	case use.Size < m.Total/10:
		f.Severity = schema.Info
		f.Says = fmt.Sprintf("/dev/shm is small for this machine, %s: %s if they expect the usual half of the memory",
			inBytesWords(use.Size), who)
	default:
		return nil
	}
	return []schema.Finding{f}
}

// devShmRoom compares the memory of the files of /dev/shm, and their sizes, with the size of /dev/shm.
func devShmRoom(x *examination) []schema.Finding {
	use, ok := x.shmUse()
	if !ok || use.Size == 0 {
		return nil
	}
	var all []schema.Finding
	by := tally{}
	var promised uint64
	var sparse []*kinds.PShmRow
	rowsOf(x, schema.PShm, func(_ schema.Ref, r *kinds.PShmRow) {
		if !r.Mode.IsRegular() || r.Unknown != schema.Known {
			return
		}
		by[r.UID] += r.Allocated
		if r.Size > r.Allocated {
			promised += r.Size - r.Allocated
			sparse = append(sparse, r)
		}
	})
	room := use.Size - min(use.Used, use.Size)
	numbers := fmt.Sprintf("%s of %s are in use (statfs)", inBytesWords(use.Used), inBytesWords(use.Size))
	if full := percent(use.Used, use.Size); full >= 90 {
		f := schema.Finding{Kind: "dev-shm", Severity: schema.Warning, Proof: schema.Observed,
			Evidence: []string{numbers},
			Says: fmt.Sprintf("/dev/shm is nearly full (%d %%): soon write fails with ENOSPC, and touching mapped "+
				"memory for the first time is SIGBUS", full)}
		if full >= 98 {
			f.Severity = schema.Critical
			f.Says = fmt.Sprintf("/dev/shm is full (%d %%): write fails with ENOSPC, and touching mapped memory for "+
				"the first time is SIGBUS", full)
		}
		if len(by) > 0 {
			f.Evidence = append(f.Evidence, "by owner: "+by.topThree(x, inBytesWords))
		}
		f.Advice = "See what takes it (`ipctop --once pshm --sort -allocated`) and what is left behind (`ipctop " +
			"leaks`). To allow more: " + fmt.Sprintf(growDevShm, fmt.Sprint(use.Size/512)+"k")
		all = append(all, f)
	}
	if promised > room {
		slices.SortFunc(sparse,
			func(a, b *kinds.PShmRow) int { return cmp.Compare(b.Size-b.Allocated, a.Size-a.Allocated) })
		f := schema.Finding{Kind: "dev-shm", Severity: schema.Warning, Proof: schema.Observed,
			Says: fmt.Sprintf("files of /dev/shm promise %s more than they have, and only %s are free: who touches "+
				"the rest gets SIGBUS",
				inBytesWords(promised), inBytesWords(room))}
		f.Evidence = []string{numbers}
		var lines []string
		for _, r := range sparse {
			lines = append(lines,
				fmt.Sprintf("%s has a size of %s, of which %s are allocated", r.FullName, inBytesWords(r.Size),
					inBytesWords(r.Allocated)))
		}
		f.Evidence = append(f.Evidence, firstOf(5, lines)...)
		f.Advice = "Programs that have to be sure of their memory call posix_fallocate, which fails with ENOSPC " +
			"instead. To allow more: " + fmt.Sprintf(growDevShm, fmt.Sprint((use.Used+promised)>>10+1)+"k")
		all = append(all, f)
	}
	return all
}

// heldObject is memory without a name.
type heldObject struct {
	ref   schema.Ref
	bytes uint64
	known bool // bytes is known
	says  string
}

// heldMemory finds memory that du does not show and that no removal frees. It belongs to unlinked files of /dev/shm, or
// to segments that were removed while attached.
func heldMemory(x *examination) []schema.Finding {
	var all []heldObject
	rowsOf(x, schema.PShm, func(ref schema.Ref, r *kinds.PShmRow) {
		if slices.Contains(r.Status, kinds.StatusDeleted) {
			all = append(all, heldObject{ref, r.Allocated, r.Unknown == schema.Known,
				fmt.Sprintf("%s (/dev/shm%s, unlinked), held by %s", ref, r.FullName, holdersWords(r.Holders))})
		}
	})
	files, creators := len(all), false
	rowsOf(x, schema.Shm, func(ref schema.Ref, r *kinds.ShmRow) {
		if slices.Contains(r.Status, kinds.StatusDest) {
			says := fmt.Sprintf("%s (removed, %s), held by %s", ref, schema.Counted(r.NAttch, "attach"),
				holdersWords(r.Holders))
			if pid, ok := r.AbsentCreator(); ok {
				creators = true
				says += fmt.Sprintf("; made by process %d, which lives and does not map it", pid)
			}
			all = append(all, heldObject{ref, r.RSS + r.Swap, r.HasRSS, says})
		}
	})
	f := schema.Finding{Kind: "held", Severity: schema.Info, Proof: schema.Observed,
		Advice: "No removal frees it: it goes when the processes that hold it unmap and close it, or end. " +
			"Restart those that should have let go."}
	if creators {
		f.Advice = "No removal frees it. Where the creator lives and does not map it, end or restart the creator: " +
			"a server that maps it for its clients, such as an X server, lets go then. " +
			"The rest goes when the processes that hold it unmap and close it, or end."
	}
	slices.SortStableFunc(all, func(a, b heldObject) int { return cmp.Compare(b.bytes, a.bytes) })
	var total, deleted uint64
	var lines []string
	for _, h := range all {
		total += h.bytes
		size := "an unknown size"
		if h.known {
			size = inBytesWords(h.bytes)
		}
		if h.ref.Kind == schema.PShm {
			deleted += h.bytes
		}
		f.Refs = append(f.Refs, h.ref)
		lines = append(lines, size+": "+h.says)
	}
	f.Evidence = firstOf(8, lines)
	gap := x.devShmGap(deleted)
	if gap != "" {
		f.Evidence = append(f.Evidence, gap)
	}
	switch {
	case len(all) > 0:
		f.Says = fmt.Sprintf("%s of memory are deleted but still held: %s of /dev/shm, %s of System V",
			inBytesWords(total), schema.Counted(uint64(files), "file"),
			schema.Counted(uint64(len(all)-files), "segment"))
	case gap != "":
		f.Says = "/dev/shm holds more than its files"
	default:
		return nil
	}
	if m, err := x.host.Memory(); x.read("/proc/meminfo", err) && total >= m.Total/20 {
		f.Severity = schema.Warning
		f.Evidence = append(f.Evidence,
			fmt.Sprintf("that is %d %% of the machine's memory (%s)", percent(total, m.Total), inBytesWords(m.Total)))
	}
	if use, ok := x.shmUse(); ok && use.Size > 0 && deleted >= use.Size/4 {
		f.Severity = schema.Warning
		f.Evidence = append(f.Evidence,
			fmt.Sprintf("unlinked files take %d %% of /dev/shm: df counts them, du and ls do not",
				percent(deleted, use.Size)))
	}
	return []schema.Finding{f}
}

// devShmGap describes memory that df counts for /dev/shm and that no listed file has. It is in directories, or in
// deleted files of processes that were not seen.
func (x *examination) devShmGap(deleted uint64) string {
	const noise = 1 << 20 // files come and go between the two readings
	use, ok := x.shmUse()
	if !ok {
		return ""
	}
	seen, directories := deleted, false
	count := func(r *kinds.PosixRow) {
		if r.Unknown == schema.Known {
			seen += r.Allocated
			directories = directories || r.Mode.IsDir()
		}
	}
	rowsOf(x, schema.PShm, func(_ schema.Ref, r *kinds.PShmRow) {
		if !slices.Contains(r.Status, kinds.StatusDeleted) {
			count(&r.PosixRow)
		}
	})
	rowsOf(x, schema.PSem, func(_ schema.Ref, r *kinds.PSemRow) { count(&r.PosixRow) })
	if use.Used < seen+noise {
		return ""
	}
	where := []string{"deleted and held by processes that could not be looked into"}
	if directories {
		where = append([]string{"in its directories"}, where...)
	}
	return fmt.Sprintf("%s more are in use of /dev/shm (statfs) than its files and what is named here: %s",
		inBytesWords(use.Used-seen), strings.Join(where, ", or "))
}

// rmidForced checks kernel.shm_rmid_forced (Documentation/admin-guide/sysctl/kernel.rst; exit_shm and shm_close in
// ipc/shm.c).
func rmidForced(x *examination) []schema.Finding {
	const knob = "kernel.shm_rmid_forced"
	if on, ok := x.sysctl(knob); !ok || on != 1 {
		return nil
	}
	f := schema.Finding{Kind: "rmid-forced", Severity: schema.Info, Proof: schema.Observed,
		Says: "kernel.shm_rmid_forced is 1: a segment is destroyed with its last detach, and one that was never " +
			"attached when its creator ends",
		Advice: "`sysctl -w kernel.shm_rmid_forced=0`, and take it out of /etc/sysctl.d; " +
			"programs that keep a segment between runs (databases, simulators, backup tools) need it to be 0. " +
			"Attach nothing just to look."}
	var lines []string
	var attached int
	rowsOf(x, schema.Shm, func(ref schema.Ref, r *kinds.ShmRow) {
		switch {
		case slices.Contains(r.Status, kinds.StatusDest):
		case r.NAttch == 0:
			f.Refs = append(f.Refs, ref)
			lines = append(lines, fmt.Sprintf("%s of %s, %s, is attached by nobody now: the next detach, or the end "+
				"of its creator, destroys it", ref, r.Owners.User, inBytesWords(r.Size)))
		default:
			attached++
		}
	})
	f.Evidence = []string{knob + " is 1 in this IPC namespace"}
	if len(lines)+attached > 0 {
		f.Severity = schema.Warning
	}
	if attached > 0 {
		f.Evidence = append(f.Evidence,
			fmt.Sprintf("%s would go with their last detach", schema.Counted(uint64(attached), "segment")))
	}
	f.Evidence = append(f.Evidence, firstOf(8, lines)...)
	return []schema.Finding{f}
}
