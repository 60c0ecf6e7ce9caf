package views

import (
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/ipctop/ipctop/collect/schema"
)

// AppendJSON writes one cell as JSON. Numbers are numbers, sizes are bytes, durations are seconds, times are RFC 3339,
// and an unknown cell is null. The caller must leave out a cell that was not collected.
func AppendJSON(b []byte, v schema.Value) []byte {
	if !v.IsKnown() {
		return append(b, "null"...)
	}
	switch v.Type() {
	case schema.TypeString:
		return AppendString(b, v.Str())
	case schema.TypeBytes:
		return strconv.AppendUint(b, v.Uint(), 10)
	case schema.TypeDuration:
		return strconv.AppendFloat(b, v.Duration().Seconds(), 'f', -1, 64)
	case schema.TypeTime:
		return append(v.Time().AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
	case schema.TypePerms:
		return append(appendPerms(append(b, '"'), v), '"')
	case schema.TypeKey:
		return append(appendKey(append(b, '"'), v), '"')
	case schema.TypeBool:
		return strconv.AppendBool(b, v.Bool())
	case schema.TypeFloat:
		return strconv.AppendFloat(b, math.Round(v.Float()*100)/100, 'f', -1, 64)
	case schema.TypeEndpoints:
		return appendEndpoints(b, v.Named())
	case schema.TypeRef:
		return AppendText(b, v.Ref().Append)
	case schema.TypeList:
		b = append(b, '[')
		for i, s := range v.List() {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendString(b, s)
		}
		return append(b, ']')
	}
	return strconv.AppendInt(b, v.Int(), 10)
}

// AppendObject writes one object of a table as a JSON object: ref first, then the columns. "denied" lists the columns
// that missing rights hide. A list of processes counts as denied if only some processes are known. If a row does not
// name all of its SharedEndpoints, a key with "_total" behind the column's ID has their number.
func AppendObject(b []byte, o *schema.Object, columns []schema.Column) []byte {
	return append(AppendMembers(append(b, '{'), o, columns), '}')
}

// AppendMembers is AppendObject without the braces.
func AppendMembers(b []byte, o *schema.Object, columns []schema.Column) []byte {
	b = append(b, `"ref":`...)
	b = AppendText(b, o.Ref.Append)
	var denied []string
	for i := range columns {
		c := &columns[i]
		if c.ID == "ref" {
			continue
		}
		v := c.Get(o)
		if v.State() == schema.Denied || v.Partial() {
			denied = append(denied, c.ID)
		}
		if v.State() == schema.NotCollected {
			continue
		}
		b = append(b, ',', '"')
		b = append(b, c.ID...)
		b = append(b, '"', ':')
		b = AppendJSON(b, v)
		if all := len(v.Endpoints()); all > schema.MostShared && all > len(v.Named()) {
			b = append(b, ',', '"')
			b = append(b, c.ID...)
			b = append(b, `_total":`...)
			b = strconv.AppendInt(b, int64(all), 10)
		}
	}
	if denied != nil {
		b = append(b, `,"denied":`...)
		b = AppendJSON(b, schema.List(denied))
	}
	return b
}

func appendEndpoints(b []byte, ends []schema.Endpoint) []byte {
	b = append(b, '[')
	for i, e := range ends {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"pid":`...)
		b = strconv.AppendInt(b, int64(e.PID), 10)
		if e.TID != 0 {
			b = append(b, `,"tid":`...)
			b = strconv.AppendInt(b, int64(e.TID), 10)
		}
		b = append(b, `,"comm":`...)
		b = AppendString(b, e.Comm)
		if e.FD >= 0 {
			b = append(b, `,"fd":`...)
			b = strconv.AppendInt(b, int64(e.FD), 10)
		}
		if e.Mode != "" {
			b = append(b, `,"mode":`...)
			b = AppendString(b, e.Mode)
		}
		if e.Maps != 0 {
			b = append(b, `,"maps":`...)
			b = strconv.AppendInt(b, int64(e.Maps), 10)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// AppendString writes a JSON string that is always valid UTF-8: other bytes become U+FFFD. It escapes the characters
// that JSON requires, and also C1 controls and bidi marks, which a terminal may interpret. An escape loses nothing.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	if plain(s) {
		return append(append(b, s...), '"')
	}
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case schema.Hostile(r, n):
			b = appendUnicode(b, r)
		default:
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	return append(b, '"')
}

// AppendText writes a JSON string whose text write appends. An ordinary text is made in place.
func AppendText(b []byte, write func([]byte) []byte) []byte {
	b = append(b, '"')
	begin := len(b)
	b = write(b)
	if plain(b[begin:]) {
		return append(b, '"')
	}
	return AppendString(b[:begin-1], string(b[begin:]))
}

// appendUnicode writes a character as an escape of JSON.
func appendUnicode(b []byte, r rune) []byte {
	if r > 0xffff {
		hi, lo := utf16.EncodeRune(r)
		return fmt.Appendf(b, `\u%04x\u%04x`, hi, lo)
	}
	return fmt.Appendf(b, `\u%04x`, r)
}

func plain[T string | []byte](s T) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
