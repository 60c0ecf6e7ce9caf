package kinds

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"

	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// inetGauges compares TCP's use with its limits (Documentation/networking/ip-sysctl.rst). Above the first two limits
// the kernel ends such connections at once. Above the third limit no socket gets memory.
func inetGauges(t *proc.Tick) ([]schema.Gauge, error) {
	fs, err := procfs.NewFS(t.Host.Path("/proc"))
	if err != nil {
		return nil, fmt.Errorf("read totals of sockets: %w", err)
	}
	stat, err := fs.NetSockstat()
	if sys.Gone(err) {
		return nil, nil // a file tree without /proc/net, a kernel without IPv4
	}
	if err != nil {
		return nil, fmt.Errorf("read totals of sockets: %w", err)
	}
	var gauges []schema.Gauge
	add := func(what string, used *int, unit uint64, typ schema.Type, knob string) {
		if used != nil && *used >= 0 {
			limit := lastNumber(t.Host, knob) * unit
			gauges = append(gauges, schema.Gauge{Kind: schema.Inet, What: what, Used: uint64(*used) * unit, Limit: limit,
				Type: typ, Knob: knob})
		}
	}
	for _, p := range stat.Protocols {
		if p.Protocol == "TCP" {
			add("TIME-WAIT", p.TW, 1, schema.TypeInt, "net.ipv4.tcp_max_tw_buckets")
			add("TCP orphans", p.Orphan, 1, schema.TypeInt, "net.ipv4.tcp_max_orphans")
			add("TCP memory", p.Mem, sys.PageSize(), schema.TypeBytes, "net.ipv4.tcp_mem")
		}
	}
	return gauges, nil
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
