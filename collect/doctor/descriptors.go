package doctor

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/process"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/kinds"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// descriptorKinds counts what the descriptors of a process lead to, the most first: "595 eventfds, 3 files". It reads
// every link, so only the few processes near their limit are looked at.
func (x *examination) descriptorKinds(r *kinds.ProcRow) string {
	counts, paths := map[string]int{}, map[string]int{}
	dir, err := proc.OpenLiving(x.host, r.PID)
	if err == nil {
		err = dir.FDs(make([]byte, 8<<10), func(_ *process.FDDir, _ int, target []byte) {
			noun := descriptorNoun(target)
			counts[noun]++
			if noun == fileNoun {
				paths[string(target)]++
			}
		})
		dir.Close()
	}
	switch {
	case err != nil && sys.Denied(err):
		return "what they are may not be read"
	case err != nil && !sys.Gone(err):
		x.read(fmt.Sprintf("/proc/%d/fd", r.PID), err)
		return "what they are could not be read"
	case len(counts) == 0:
		return "it has just ended"
	}
	nouns := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	words := make([]string, 0, len(nouns))
	for _, noun := range nouns {
		word := schema.Counted(counts[noun], noun)
		if path, n := commonest(paths); noun == fileNoun && n > 1 && n >= counts[noun]/2 {
			word += fmt.Sprintf(" (%d of them %s)", n, path)
		}
		words = append(words, word)
	}
	return strings.Join(firstOf(5, words), ", ")
}

// commonest is the path with the largest count. Of equal counts, the first path in order wins.
func commonest(paths map[string]int) (path string, n int) {
	for p, count := range paths {
		if count > n || count == n && p < path {
			path, n = p, count
		}
	}
	return path, n
}

const fileNoun = "file"

// descriptorNoun is a noun for the target of a link in /proc/PID/fd (proc_pid_fd(5)): "pipe:[12]", "socket:[13]",
// "anon_inode:[eventfd]", "anon_inode:inotify", "mnt:[4026531841]", "/path".
func descriptorNoun(target []byte) string {
	if name, ok := bytes.CutPrefix(target, []byte("anon_inode:")); ok {
		switch noun := strings.Trim(string(name), "[]"); noun {
		case "eventpoll":
			return "epoll instance"
		case "inotify", "fanotify", "io_uring":
			return noun + " instance"
		case "":
			return "anonymous file"
		default:
			return noun
		}
	}
	switch {
	case bytes.HasPrefix(target, []byte("/memfd:")):
		return "memfd"
	case bytes.HasPrefix(target, []byte("/dmabuf:")):
		return "dmabuf"
	case bytes.HasPrefix(target, []byte("/")):
		return fileNoun
	}
	name, _, ok := bytes.Cut(target, []byte(":["))
	switch {
	case !ok:
		return fileNoun
	case string(name) == "pipe" || string(name) == "socket" || string(name) == "pidfd":
		return string(name)
	}
	return string(name) + " namespace"
}
