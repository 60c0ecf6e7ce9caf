package proc

// Pathless holds the numbers of those of a process's descriptors whose links are no paths, among those that the walk
// kept: pipes, sockets, namespaces, anonymous inodes.
func (t *Tick) Pathless(p *Process) map[int32]bool {
	known := make(map[int32]bool, len(p.FDs))
	for i := range p.FDs {
		fd := &p.FDs[i]
		if fd.Table != 0 {
			continue
		}
		switch fd.Kind {
		case FDFifo, FDFile, FDPtmx, FDSlave:
		default:
			known[fd.Num] = true
		}
	}
	for _, prefix := range t.table.prefixes {
		for i := range p.FDs {
			if fd := &p.FDs[i]; fd.Kind == prefix.kind && fd.Table == 0 {
				delete(known, fd.Num)
			}
		}
	}
	return known
}
