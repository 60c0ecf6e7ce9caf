package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/content"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// The usual and the largest numbers of messages and bytes. To copy one message, the kernel locks the queue and walks it
// up to that message, so the number is limited.
const (
	peekMessages, peekMessagesMost = 10, 1000
	peekBytes, peekBytesMost       = 512, 1 << 20
	peekEach                       = 256 // bytes of one message
)

type peekFlags struct {
	limit  int
	offset uint64
	output string
}

// newPeekCmd makes "ipctop peek".
func newPeekCmd() *cobra.Command {
	var f peekFlags
	cmd := &cobra.Command{
		Use:   "peek [--limit N] [--offset N] REF",
		Short: "Show what a queue or shared memory holds, taking and attaching nothing",
		Long: fmt.Sprintf("Show the messages of a System V queue (msg) or the bytes of shared memory (shm, pshm, "+
			"memfd, mmap), in hexadecimal and as text.\n"+
			"\n"+
			"Messages are copied (MSG_COPY): none is taken out, and no time or pid of the queue changes. "+
			"Each look locks the queue for a moment, so\n"+
			"that %d messages are shown unless --limit says more, of each the first %d bytes. "+
			"Memory is read through a process that maps it\n"+
			"(/proc/PID/map_files, which takes root): nothing is attached, no page is made. Memory that nobody maps "+
			"cannot be seen in that way.", peekMessages, peekEach),
		Example: `  ipctop peek msg:5
  ipctop peek msg:key=0x1234 --limit 100 -o json
  ipctop peek shm:32769 --offset 4096 --limit 64`,
		DisableFlagsInUseLine: true,
		ValidArgsFunction: completeRefs(func(k schema.Kind) bool {
			_, ok := content.PeekNeeds(k)
			return ok
		}),
		RunE: func(cmd *cobra.Command, args []string) error { return runPeek(cmd, f, args) },
	}
	cmd.Flags().IntVar(&f.limit, "limit", 0,
		fmt.Sprintf("most messages (%d, up to %d) or bytes (%d, up to %d)", peekMessages, peekMessagesMost, peekBytes,
			peekBytesMost))
	cmd.Flags().Uint64Var(&f.offset, "offset", 0, "message or byte to begin with")
	cmd.Flags().StringVarP(&f.output, "output", "o", "text", "text or json")
	return cmd
}

func runPeek(cmd *cobra.Command, f peekFlags, args []string) error {
	if len(args) != 1 {
		return usageErrorf("peek takes one REF, such as msg:5: see ipctop peek --help")
	}
	if err := checkTextOrJSON(f.output); err != nil {
		return err
	}
	sels, err := parseRefs(args)
	if err != nil {
		return err
	}
	sel := sels[0]
	needs, ok := content.PeekNeeds(sel.Kind)
	if !ok {
		return usageErrorf("%s: %s", views.Visible(sel.Text), content.WhyNoPeek(sel.Kind))
	}
	part, err := f.part(sel.Kind)
	if err != nil {
		return err
	}
	host, err := kernel.Open("")
	if err != nil {
		return err
	}
	source, err := sourceSetting(os.Getenv)
	if err != nil {
		return err
	}
	snap := collect.New(host, time.Now, source).Take(collect.Request{Want: map[schema.Kind]schema.Need{sel.Kind: needs},
		AllNamespaces: sel.Space != 0})
	ref, err := snap.Resolve(sel)
	if err != nil {
		return fmt.Errorf("%s: %w", views.Visible(sel.Text), err)
	}
	content, err := content.Peek(host, snap.Find(ref), snap.FindNamespace, part)
	if err != nil {
		return fmt.Errorf("%s: %w", views.Visible(sel.Text), peekError(err))
	}
	if f.output == "json" {
		return writeJSON(cmd.OutOrStdout(), peekDocument(content))
	}
	return writeLines(cmd.OutOrStdout(), peekLines(content))
}

// part gives the range to read. A range beyond the limits is a usage error.
func (f *peekFlags) part(kind schema.Kind) (content.PeekRange, error) {
	part := content.PeekRange{First: f.offset, Count: f.limit, Each: peekEach}
	usual, most := peekBytes, peekBytesMost
	if kind == schema.Msg {
		usual, most = peekMessages, peekMessagesMost
	}
	switch {
	case f.limit < 0 || f.limit > most:
		return part, usageErrorf("--limit %d: say a number from 1 to %d", f.limit, most)
	case f.limit == 0:
		part.Count = usual
	}
	if f.offset > 1<<62 {
		return part, usageErrorf("--offset %d is beyond every object", f.offset)
	}
	return part, nil
}

// peekError adds the rights that a person needs, if err is an error of missing rights.
func peekError(err error) error {
	if sys.Denied(err) && !errors.Is(err, content.ErrHoldersUnseen) {
		return fmt.Errorf("%w: queues and files take read permission, other memory root (CAP_SYS_ADMIN or "+
			"CAP_CHECKPOINT_RESTORE)", err)
	}
	return err
}

// peekLines tells the content as text, in lines.
func peekLines(c *content.Content) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if c.Ref.Kind == schema.Msg {
		say("%s: %d of %d messages from message %d on, by %s (%v in all)", c.Ref, len(c.Messages), c.Total,
			c.First, c.Via, c.Took.Round(time.Microsecond))
		for _, m := range c.Messages {
			if m.TooLong {
				say("[%d] longer than kernel.msgmax, which was lowered since it was sent: the kernel does not copy it",
					m.Index)
				continue
			}
			say("[%d] type %d, %d bytes", m.Index, m.Type, m.Size)
			for _, line := range content.HexDump(m.Data, 0) {
				say("    %s", line)
			}
			if rest := m.Size - len(m.Data); rest > 0 {
				say("    … %d more bytes", rest)
			}
		}
	} else {
		of := ""
		if c.Total > 0 {
			of = fmt.Sprintf(" of %d", c.Total)
		}
		say("%s: %d%s bytes from byte %d on, by %s", c.Ref, len(c.Memory), of, c.First, c.Via)
		out = append(out, content.HexDump(c.Memory, c.First)...)
	}
	return out
}

// peekedJSON is the JSON document of ipctop peek. It has the bytes in hexadecimal, and as text with a dot for each byte
// that is not printable.
type peekedJSON struct {
	Version  int           `json:"schema_version"`
	Ref      string        `json:"ref"`
	Via      string        `json:"via"`
	First    uint64        `json:"first"`
	Total    *uint64       `json:"total"`
	Took     float64       `json:"took"` // seconds
	Messages []messageJSON `json:"messages,omitempty"`
	Memory   *bytesJSON    `json:"memory,omitempty"`
}

type messageJSON struct {
	Index int    `json:"index"`
	Type  *int64 `json:"type"` // null, like size, if the message is longer than msgmax: the kernel then does not tell
	Size  *int   `json:"size"`
	bytesJSON
}

type bytesJSON struct {
	Hex  string `json:"hex"`
	Text string `json:"text"`
}

func bytesOf(data []byte) bytesJSON {
	return bytesJSON{Hex: hex.EncodeToString(data), Text: content.PlainText(data)}
}

func peekDocument(c *content.Content) peekedJSON {
	doc := peekedJSON{Version: 1, Ref: views.Visible(c.Ref.String()), Via: views.Visible(c.Via), First: c.First,
		Took: c.Took.Seconds()}
	if c.Ref.Kind == schema.Msg || c.Total > 0 {
		doc.Total = &c.Total
	}
	for _, m := range c.Messages {
		j := messageJSON{Index: m.Index, bytesJSON: bytesOf(m.Data)}
		if !m.TooLong {
			j.Type, j.Size = &m.Type, &m.Size
		}
		doc.Messages = append(doc.Messages, j)
	}
	if c.Ref.Kind != schema.Msg {
		b := bytesOf(c.Memory)
		doc.Memory = &b
	}
	return doc
}
