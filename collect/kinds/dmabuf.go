package kinds

import (
	"slices"

	"github.com/ipctop/ipctop/collect/kernel/fdinfo"
	"github.com/ipctop/ipctop/collect/proc"
	"github.com/ipctop/ipctop/collect/schema"
)

// dmabuf is the kind of DMA buffers: memory that graphics, video and other devices share with processes
// (Documentation/driver-api/dma-buf.rst).
const dmabuf schema.Kind = "dmabuf"

// DMABufRow is a DMA buffer that a process has open.
type DMABufRow struct{ descriptor }

// DMABuf is the Mechanism of DMA buffers.
func DMABuf() *Mechanism {
	return &Mechanism{
		Kind: dmabuf, Family: Memory, Title: "DMA buffers",
		Ends: "a buffer goes away when its last user has closed and unmapped it: end its holders with " + EndHolders,
		Help: "memory shared between devices and processes: size, exporter, and who has each buffer open; a mapping " +
			"without a descriptor is not seen",
		// The link is "/dmabuf:NAME": the inode has one dentry, and dmabuffs_dname makes its name
		// (drivers/dma-buf/dma-buf.c).
		Descriptor: &proc.Descriptor{Kind: dmabuf, Prefix: "/dmabuf:", Identity: dmabufIdentity},
		Columns:    dmabufColumns(),
		Default:    []string{"size", "name", "exporter", "holders"},
		Needs:      descriptorNeeds, Relates: proc.NeedSyscall,
		Collect: func(t *proc.Tick) ([]*schema.Object, error) {
			all := collectDescriptors(t, dmabuf, func(d descriptor) *DMABufRow { return &DMABufRow{d} })
			return slices.DeleteFunc(all, func(o *schema.Object) bool { return o.Row.(*DMABufRow).isFile() }), nil
		},
		Relate: relateDescriptors, Label: descriptorLabel,
	}
}

// dmabufIdentity reads the inode number of the buffer, which fdinfo has since Linux 5.14 (seq_show, fs/proc/fd.c).
func dmabufIdentity(info []byte) (schema.Ref, bool) {
	ino, ok := fdinfo.Uint(info, "ino", 10)
	_, buffer := fdinfo.Word(info, "exp_name")
	return schema.Ref{Kind: dmabuf, ID: ino}, ok && buffer
}

// isFile reports whether the descriptor is on a plain file of the root directory with the name of a buffer.
func (r *DMABufRow) isFile() bool {
	_, buffer := fdinfo.Word(r.info.Text, "exp_name")
	return !buffer && r.info.Err == nil
}

func dmabufColumns() []schema.Column {
	type row = DMABufRow
	col := func(id string, typ schema.Type, width int, help string, get func(info []byte) schema.Value) schema.Column {
		return schema.Col(id, typ, width, descriptorNeeds, help, func(r *row) schema.Value {
			return r.infoCell(typ, nil, func() schema.Value { return get(r.info.Text) })
		})
	}
	word := func(id, field string, width int, help string) schema.Column {
		return col(id, schema.TypeString, width, help, func(info []byte) schema.Value {
			text, _ := fdinfo.Word(info, field)
			return WordValue(text)
		})
	}
	return descriptorColumns("threads that sleep in poll or ioctl on it",
		col("size", schema.TypeBytes, 9, "memory of the buffer",
			func(info []byte) schema.Value { return bytesField(info, "size") }),
		col("count", schema.TypeInt, 5, "references to the buffer: descriptors, mappings, and drivers that use it",
			func(info []byte) schema.Value { return intField(info, "count") }),
		word("name", "name", 16, "name that a process gave it (DMA_BUF_SET_NAME)"),
		word("exporter", "exp_name", 16, "driver that made it"))
}
