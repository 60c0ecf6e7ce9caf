package openfile

import (
	"github.com/cilium/ebpf/asm"

	"github.com/ipctop/ipctop/collect/kernel/bpf"
)

// Magic numbers of file systems without a mount (include/uapi/linux/magic.h).
const (
	sockMagic = 0x534f434b
	pipeMagic = 0x50495045
	anonMagic = 0x09041934
)

// The program's memory. R6 points to it.
const (
	memSeq    = 0 // seq_file to write to
	memTmp    = 8
	memIno    = 16 // the record: see offsets in File
	memStart  = memIno + atStart
	memTable  = memIno + atTable
	memPID    = memIno + atPID
	memTID    = memIno + atTID
	memFD     = memIno + atFD
	memFMode  = memIno + atFMode
	memMode   = memIno + atMode
	memClass  = memIno + atClass
	memDev    = memIno + atDev
	memRdev   = memIno + atRdev
	memLength = memIno + atLength
	memQueued = memIno + atQueued
	memSlots  = memIno + atSlots // then the ends: atReaders, atWriters
	memName   = memIno + atName
	memEnd    = memIno + recordSize
	memBufs   = memEnd // for the loop over the buffers of a pipe
	memTail   = memEnd + 8
	memMask   = memEnd + 16
	memSize   = memEnd + 24
	spillFile = -(memSize + 8) // on the stack below the memory: struct file
	path      = spillFile - pathSize
	pathSize  = 256
)

// assemble assembles the program for the running kernel:
//
//	for each descriptor of each thread of the pid namespace, by the kernel:
//		read the numbers of thread and process, the file and its inode
//		of a pipe also the queued bytes, of other files a name
//		write a record
//		with paths: write the path of a Plain file, as the reader's links in /proc show it
//
// The kernel itself passes over a thread that shares the table of its first thread (task_seq_get_next). The verifier
// knows the types of the context's pointers, so the program follows them by plain loads.
func assemble(types *bpf.Layout, paths bool) asm.Instructions {
	at := func(structure string, path ...string) int16 { return int16(types.Offset(structure, path...)) }
	c := &bpf.Code{Seq: memSeq, Tmp: memTmp}
	c.TaskEntry("file", memSize)
	c.Add(
		asm.LoadMem(asm.R8, asm.R1, 24, asm.DWord), // struct bpf_iter__task_file: meta, task, fd, file
		asm.JEq.Imm(asm.R8, 0, "out"),
		asm.LoadMem(asm.R2, asm.R1, 16, asm.Word),
		asm.StoreMem(asm.R6, memFD, asm.R2, asm.Word),
		asm.StoreMem(asm.R10, spillFile, asm.R8, asm.DWord),
	)
	numbers(c, types)
	copyField := func(base asm.Register, off, to int16, size asm.Size) {
		c.Add(asm.LoadMem(asm.R2, base, off, size), asm.StoreMem(asm.R6, to, asm.R2, size))
	}
	copyField(asm.R7, at("task_struct", "files"), memTable, asm.DWord)
	c.Add(asm.LoadMem(asm.R1, asm.R7, at("task_struct", "group_leader"), asm.DWord))
	copyField(asm.R1, at("task_struct", "start_boottime"), memStart, asm.DWord)
	c.Add(asm.LoadMem(asm.R8, asm.R10, spillFile, asm.DWord))
	copyField(asm.R8, at("file", "f_mode"), memFMode, asm.Word)
	c.Add(asm.LoadMem(asm.R9, asm.R8, at("file", "f_inode"), asm.DWord))
	copyField(asm.R9, at("inode", "i_ino"), memIno, asm.DWord)
	copyField(asm.R9, at("inode", "i_mode"), memMode, asm.Half)
	copyField(asm.R9, at("inode", "i_rdev"), memRdev, asm.Word)
	c.Add(asm.LoadMem(asm.R1, asm.R9, at("inode", "i_sb"), asm.DWord))
	copyField(asm.R1, at("super_block", "s_dev"), memDev, asm.Word)
	class := func(class Class) {
		c.Add(asm.Mov.Imm(asm.R2, int32(class)), asm.StoreMem(asm.R6, memClass, asm.R2, asm.Half))
	}
	class(Socket)
	c.Add(
		asm.LoadMem(asm.R3, asm.R1, at("super_block", "s_magic"), asm.DWord),
		asm.JEq.Imm(asm.R3, sockMagic, "write"),
		asm.JEq.Imm(asm.R3, pipeMagic, "pipe"),
		asm.JEq.Imm(asm.R3, anonMagic, "anon"),
	)
	class(Named)
	c.Add(
		asm.LoadMem(asm.R3, asm.R8, at("file", "f_path", "dentry"), asm.DWord),
		asm.LoadMem(asm.R3, asm.R3, at("dentry", "d_op"), asm.DWord), // a load from 0 gives 0
		asm.LoadMem(asm.R3, asm.R3, at("dentry_operations", "d_dname"), asm.DWord),
		asm.JNE.Imm(asm.R3, 0, "type"),
	)
	class(Plain)
	c.Label("type")
	readName := func(name asm.Register) {
		c.Add(asm.Mov.Reg(asm.R3, name), asm.Mov.Reg(asm.R1, asm.R6), asm.Add.Imm(asm.R1, memName),
			asm.Mov.Imm(asm.R2, nameSize), asm.FnProbeReadKernelStr.Call())
	}
	c.Add(
		asm.LoadMem(asm.R3, asm.R1, at("super_block", "s_type"), asm.DWord),
		asm.LoadMem(asm.R3, asm.R3, at("file_system_type", "name"), asm.DWord),
	)
	readName(asm.R3)
	if paths {
		readPath(c, at("file", "f_path"))
	} else {
		c.Add(asm.Ja.Label("write"))
	}
	c.Label("anon")
	class(Anon)
	c.Add(
		asm.LoadMem(asm.R3, asm.R8, at("file", "f_path", "dentry"), asm.DWord),
		asm.LoadMem(asm.R3, asm.R3, at("dentry", "d_name", "name"), asm.DWord),
	)
	readName(asm.R3)
	c.Add(asm.Ja.Label("write"))
	c.Label("pipe")
	class(Pipe)
	pipe(c, types)
	c.Label("write")
	c.Write(memIno, recordSize)
	c.Label("out")
	c.Continue()
	queued(c, types)
	return c.Instructions
}

// numbers writes the numbers of the thread in R7 and of its process. R8 and R9 change. A number has one field for each
// level of pid namespaces. The reader is mostly in the first one: there a plain load is enough.
func numbers(c *bpf.Code, types *bpf.Layout) {
	n := types.Numbers()
	at := func(structure string, path ...string) int16 { return int16(types.Offset(structure, path...)) }
	pid := at("task_struct", "thread_pid")
	first := at("pid", "numbers") + at("upid", "nr")
	c.Add(
		asm.FnGetCurrentTaskBtf.Call(),
		asm.LoadMem(asm.R8, asm.R0, pid, asm.DWord),
		asm.LoadMem(asm.R9, asm.R8, at("pid", "level"), asm.Word),
		asm.JNE.Imm(asm.R9, 0, "nested"),
		asm.LoadMem(asm.R1, asm.R7, pid, asm.DWord),
		asm.LoadMem(asm.R2, asm.R1, first, asm.Word), asm.StoreMem(asm.R6, memTID, asm.R2, asm.Word),
		asm.LoadMem(asm.R1, asm.R7, int16(n.Leader), asm.DWord),
		asm.LoadMem(asm.R1, asm.R1, pid, asm.DWord),
		asm.LoadMem(asm.R2, asm.R1, first, asm.Word), asm.StoreMem(asm.R6, memPID, asm.R2, asm.Word),
		asm.Ja.Label("numbered"),
	)
	c.Label("nested")
	c.Add(asm.Mov.Reg(asm.R8, asm.R0))
	c.ReaderLevel(n, "out")
	c.Number(n, memTID, asm.R7, asm.R8)
	c.Follow(asm.R8, asm.R7, n.Leader)
	c.Number(n, memPID, asm.R8, asm.R8)
	c.Label("numbered")
}

// readPath writes the record of the file in R8, and its path with a 0 at the end. A path that is too long is left out.
func readPath(c *bpf.Code, fPath int16) {
	c.Add(
		asm.Mov.Reg(asm.R1, asm.R8), asm.Add.Imm(asm.R1, int32(fPath)),
		asm.Mov.Reg(asm.R2, asm.R10), asm.Add.Imm(asm.R2, path),
		asm.Mov.Imm(asm.R3, pathSize),
		asm.FnDPath.Call(),
		asm.Mov.Reg(asm.R9, asm.R0),
		asm.JSLT.Imm(asm.R9, 1, "write"),
		asm.JGT.Imm(asm.R9, pathSize, "write"),
		asm.StoreMem(asm.R6, memLength, asm.R9, asm.Word),
	)
	c.Write(memIno, recordSize)
	c.Add(
		asm.LoadMem(asm.R1, asm.R6, memSeq, asm.DWord),
		asm.Mov.Reg(asm.R2, asm.R10), asm.Add.Imm(asm.R2, path),
		asm.Mov.Reg(asm.R3, asm.R9),
		asm.FnSeqWrite.Call(),
		asm.Ja.Label("out"),
	)
}

// pipe writes the room and the ends of the pipe whose inode is in R9, and counts its bytes.
func pipe(c *bpf.Code, types *bpf.Layout) {
	at := func(path ...string) int16 { return int16(types.Offset("pipe_inode_info", path...)) }
	c.Add(asm.LoadMem(asm.R8, asm.R9, int16(types.Offset("inode", "i_pipe")), asm.DWord))
	for i, member := range []string{"max_usage", "readers", "writers"} {
		c.Add(asm.LoadMem(asm.R2, asm.R8, at(member), asm.Word),
			asm.StoreMem(asm.R6, memSlots+int16(4*i), asm.R2, asm.Word))
	}
	c.Add(
		asm.LoadMem(asm.R9, asm.R8, at("head"), asm.Word),
		asm.LoadMem(asm.R3, asm.R8, at("tail"), asm.Word),
		asm.Sub.Reg32(asm.R9, asm.R3),
		asm.JEq.Imm(asm.R9, 0, "write"),
		asm.StoreMem(asm.R6, memTail, asm.R3, asm.DWord),
		asm.LoadMem(asm.R2, asm.R8, at("ring_size"), asm.Word), asm.Sub.Imm32(asm.R2, 1),
		asm.StoreMem(asm.R6, memMask, asm.R2, asm.DWord),
	)
	c.Read(memBufs, 8, asm.R8, int32(at("bufs")))
	c.Add(asm.Mov.Reg(asm.R1, asm.R9))
	c.Loop("queued")
}

// queued is the body of the loop over the buffers of a pipe: it adds their lengths, as FIONREAD does (pipe_ioctl in
// fs/pipe.c).
func queued(c *bpf.Code, types *bpf.Layout) {
	c.Body("queued")
	c.Add(
		asm.Mov.Reg(asm.R6, asm.R2),
		asm.Mov.Reg(asm.R7, asm.R1),
		asm.LoadMem(asm.R2, asm.R6, memTail, asm.DWord), asm.Add.Reg(asm.R7, asm.R2),
		asm.LoadMem(asm.R2, asm.R6, memMask, asm.DWord), asm.And.Reg(asm.R7, asm.R2),
		asm.Mul.Imm(asm.R7, types.Size("pipe_buffer")),
		asm.LoadMem(asm.R2, asm.R6, memBufs, asm.DWord), asm.Add.Reg(asm.R7, asm.R2),
	)
	c.Follow32(asm.R7, asm.R7, types.Offset("pipe_buffer", "len"))
	c.Add(
		asm.LoadMem(asm.R2, asm.R6, memQueued, asm.Word), asm.Add.Reg32(asm.R2, asm.R7),
		asm.StoreMem(asm.R6, memQueued, asm.R2, asm.Word),
	)
	c.Continue()
}
