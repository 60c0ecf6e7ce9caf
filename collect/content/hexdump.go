package content

import (
	"fmt"
	"strings"
)

// hexWidth is the number of bytes in a line of HexDump.
const hexWidth = 16

// HexDump formats bytes like hexdump -C: offset, hexadecimal digits, text with a dot for all but printable ASCII.
// Lines equal to the line before become one "*". offset is the offset of the first byte.
func HexDump(data []byte, offset uint64) []string {
	var lines []string
	for at := 0; at < len(data); at += hexWidth {
		row := data[at:min(at+hexWidth, len(data))]
		if at > 0 && len(row) == hexWidth && at+hexWidth < len(data) && string(row) == string(data[at-hexWidth:at]) {
			if lines[len(lines)-1] != "*" {
				lines = append(lines, "*")
			}
			continue
		}
		lines = append(lines, hexLine(row, offset+uint64(at)))
	}
	return lines
}

func hexLine(row []byte, at uint64) string {
	var hex, text strings.Builder
	for i := range hexWidth {
		if i == hexWidth/2 {
			hex.WriteByte(' ')
		}
		if i >= len(row) {
			hex.WriteString("   ")
			continue
		}
		fmt.Fprintf(&hex, "%02x ", row[i])
		text.WriteString(printable(row[i]))
	}
	return fmt.Sprintf("%08x  %s |%s|", at, hex.String(), text.String())
}

func printable(b byte) string {
	if b < ' ' || b > '~' {
		return "."
	}
	return string(rune(b))
}

// PlainText returns data as text, with a dot for all but printable ASCII.
func PlainText(data []byte) string {
	var b strings.Builder
	for _, c := range data {
		b.WriteString(printable(c))
	}
	return b.String()
}
