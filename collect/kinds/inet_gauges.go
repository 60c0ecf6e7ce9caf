package kinds

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// inetGauges compares TCP's use with its limits (Documentation/networking/ip-sysctl.rst). Above the first two limits
// the kernel ends such connections at once. Above the third limit no socket gets memory.
func inetGauges(t *proc.Tick) ([]schema.Gauge, error) {
	text, err := t.Host.ReadFile("/proc/net/sockstat")
	if sys.Gone(err) {
		return nil, nil // a file tree without /proc/net, a kernel without IPv4
	}
	if err != nil {
		return nil, fmt.Errorf("read totals of sockets: %w", err)
	}
	var gauges []schema.Gauge
	numbers := tcpSockstat(string(text))
	add := func(what, name string, unit uint64, typ schema.Type, knob string) {
		if used, ok := numbers[name]; ok {
			limit := lastNumber(t.Host, knob) * unit
			gauges = append(gauges,
				schema.Gauge{Kind: schema.Inet, What: what, Used: used * unit, Limit: limit, Type: typ,
					Knob: knob})
		}
	}
	add("TIME-WAIT", "tw", 1, schema.TypeInt, "net.ipv4.tcp_max_tw_buckets")
	add("TCP orphans", "orphan", 1, schema.TypeInt, "net.ipv4.tcp_max_orphans")
	add("TCP memory", "mem", sys.PageSize(), schema.TypeBytes, "net.ipv4.tcp_mem")
	return gauges, nil
}

// tcpSockstat reads the line "TCP: inuse 5 orphan 0 tw 3 alloc 7 mem 1" (sockstat_seq_show, net/ipv4/proc.c). It leaves
// out numbers below 0: the kernel adds up its counts without a lock.
func tcpSockstat(text string) map[string]uint64 {
	numbers := map[string]uint64{}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		for i := 1; i+1 < len(words) && words[0] == "TCP:"; i += 2 {
			if n, err := strconv.ParseUint(words[i+1], 10, 64); err == nil {
				numbers[words[i]] = n
			}
		}
	}
	return numbers
}

// lastNumber reads the last number of a sysctl file. A file with three numbers has two soft limits and then the hard
// limit. It returns 0 for an unreadable file.
func lastNumber(h *kernel.Host, knob string) uint64 {
	text, err := h.ReadFile("/proc/sys/" + strings.ReplaceAll(knob, ".", "/"))
	fields := strings.Fields(string(text))
	if err != nil || len(fields) == 0 {
		return 0
	}
	n, err := strconv.ParseUint(fields[len(fields)-1], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
