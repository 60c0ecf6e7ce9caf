package utillinux

import "strconv"

// row builds one line of text from fields, without an allocation. Widths and cuts count bytes, as in C's printf.
type row []byte

// left puts text at the left end of a field (%-10s).
func (r row) left(text string, width int) row {
	r = append(r, text...)
	return r.blanks(width - len(text))
}

// leftCut is like left, but first cuts the text to at most most bytes (%-10.10s).
func (r row) leftCut(text string, width, most int) row {
	if len(text) > most {
		text = text[:most]
	}
	return r.left(text, width)
}

// right puts text at the right end of a field (%6s).
func (r row) right(text string, width int) row {
	return append(r.blanks(width-len(text)), text...)
}

// number puts a decimal number at the left end of a field (%-10u, %-10d).
func (r row) number(n int64, width int) row {
	begin := len(r)
	r = strconv.AppendInt(r, n, 10)
	return r.blanks(width - (len(r) - begin))
}

// count is like number, for counts that may need all 64 bits (%-10ju).
func (r row) count(n uint64, width int) row {
	begin := len(r)
	r = strconv.AppendUint(r, n, 10)
	return r.blanks(width - (len(r) - begin))
}

// octal puts permissions at the left end of a field (%-10o).
func (r row) octal(n uint32, width int) row {
	begin := len(r)
	r = strconv.AppendUint(r, uint64(n), 8)
	return r.blanks(width - (len(r) - begin))
}

// key writes a System V key (0x%08x).
func (r row) key(key uint32) row {
	const hex = "0123456789abcdef"
	r = append(r, '0', 'x')
	for shift := 28; shift >= 0; shift -= 4 {
		r = append(r, hex[key>>shift&15])
	}
	return r
}

func (r row) text(text string) row { return append(r, text...) }

func (r row) blanks(n int) row {
	for ; n > 0; n-- {
		r = append(r, ' ')
	}
	return r
}

// rightNumber puts a number at the right end of a field (%5d).
func (r row) rightNumber(n int32, width int) row {
	var digits [12]byte
	text := strconv.AppendInt(digits[:0], int64(n), 10)
	return append(r.blanks(width-len(text)), text...)
}
