package views

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ipctop/ipctop/collect/schema"
)

// Format controls how cells are written.
type Format struct {
	Bytes bool      // sizes as plain numbers of bytes, times as RFC 3339, durations in seconds
	Now   time.Time // the day for short times
}

// Words for cells without a value. An absent cell is the empty text; views/once prints "-" for it.
const (
	NotCollectedText = "…"
	DeniedText       = "denied"
)

// Text writes one cell for people. It makes every untrusted byte visible. The caller must only escape characters that
// its own screen interprets. The text may hold blanks.
func Text(v schema.Value, f Format) string {
	if v.IsKnown() && v.Type() == schema.TypeString {
		return stringText(v)
	}
	var room [64]byte
	return string(AppendCell(room[:0], v, f))
}

// AppendCell appends the Text of a cell.
func AppendCell(b []byte, v schema.Value, f Format) []byte {
	switch v.State() {
	case schema.NotCollected:
		return append(b, NotCollectedText...)
	case schema.Absent:
		return b
	case schema.Denied:
		return append(b, DeniedText...)
	}
	switch v.Type() {
	case schema.TypeString:
		return append(b, stringText(v)...)
	case schema.TypeBytes:
		if f.Bytes {
			return strconv.AppendUint(b, v.Uint(), 10)
		}
		return append(b, Size(v.Uint())...)
	case schema.TypeDuration:
		if f.Bytes {
			return appendSeconds(b, v.Duration())
		}
		return append(b, Span(v.Duration())...)
	case schema.TypeTime:
		if f.Bytes {
			return v.Time().AppendFormat(b, time.RFC3339)
		}
		return append(b, Moment(v.Time(), f.Now)...)
	case schema.TypePerms:
		return appendPerms(b, v)
	case schema.TypeKey:
		return appendKey(b, v)
	case schema.TypeBool:
		if v.Bool() {
			return append(b, "yes"...)
		}
		return append(b, "no"...)
	case schema.TypeFloat:
		return strconv.AppendFloat(b, v.Float(), 'f', 1, 64)
	case schema.TypeEndpoints:
		if f.Bytes {
			return appendProcesses(b, v, len(v.Named()))
		}
		return appendProcesses(b, v, shownProcesses)
	case schema.TypeList:
		return append(b, Visible(listText(v.List(), f))...)
	case schema.TypeRef:
		return append(b, Visible(v.Ref().String())...)
	}
	return strconv.AppendInt(b, v.Int(), 10)
}

func stringText(v schema.Value) string {
	if v.IsName() {
		return schema.Printed(v.Str())
	}
	return Visible(v.Str())
}

// shownWords is the most words of a list that a cell names. JSON and CSV name all: an inotify instance may have
// 100,000 watches.
const shownWords = 8

// listText joins words with commas. Sentences hold commas, so they are joined with semicolons. It adds "+3" for the
// words beyond shownWords. With Format.Bytes, for programs, it names all words, and the separator is always a comma.
func listText(list []string, f Format) string {
	if rest := len(list) - shownWords; rest > 1 && !f.Bytes {
		list = append(slices.Clone(list[:shownWords]), fmt.Sprintf("+%d", rest))
	}
	if !f.Bytes && slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, " ") }) {
		return strings.Join(list, "; ")
	}
	return strings.Join(list, ",")
}

// appendPerms appends four octal digits.
func appendPerms(b []byte, v schema.Value) []byte {
	n := v.Uint()
	for shift := 9; shift >= 0; shift -= 3 {
		b = append(b, '0'+byte(n>>shift&7))
	}
	return b
}

// appendKey appends a System V key, "0x" and eight hexadecimal digits.
func appendKey(b []byte, v schema.Value) []byte {
	n := v.Uint()
	b = append(b, "0x"...)
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, "0123456789abcdef"[n>>shift&15])
	}
	return b
}

func appendSeconds(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, d.Seconds(), 'f', -1, 64)
}

// shownProcesses is the most processes that a cell names. JSON and CSV name all (see schema.SharedEndpoints).
const shownProcesses = 4

// appendProcesses writes each process once as "pid/comm". It adds "+3" for the processes beyond limit, and "+?" if more
// processes may be hidden.
func appendProcesses(b []byte, v schema.Value, limit int) []byte {
	ends, n := v.Endpoints(), 0
	seen := seenProcesses(ends)
	for i := range ends {
		if e := &ends[i]; seen(i) {
			continue
		} else if n++; n <= limit {
			if n > 1 {
				b = append(b, ',')
			}
			b = append(strconv.AppendInt(b, int64(e.PID), 10), '/')
			b = append(b, Visible(e.Comm)...)
		}
	}
	if n > limit {
		b = strconv.AppendInt(append(b, ",+"...), int64(n-limit), 10)
	}
	if v.Partial() {
		b = append(b, "+?"...)
	}
	return b
}

// seenProcesses returns a test for the endpoints in their order: whether an earlier one is of the same process. Few
// endpoints are compared with each other.
func seenProcesses(ends []schema.Endpoint) func(i int) bool {
	const few = 16
	if len(ends) <= few {
		return func(i int) bool {
			pid := ends[i].PID
			return slices.ContainsFunc(ends[:i], func(e schema.Endpoint) bool { return e.PID == pid })
		}
	}
	seen := make(map[int]bool, len(ends))
	return func(i int) bool {
		had := seen[ends[i].PID]
		seen[ends[i].PID] = true
		return had
	}
}

// Size writes a number of bytes in powers of 1024, in at most four characters like ls -h: "0", "512", "4.0K", "64M".
func Size(n uint64) string {
	if n < 1024 {
		return strconv.FormatUint(n, 10)
	}
	f, unit := float64(n), 0
	const units = "KMGTPE"
	for f /= 1024; f >= 1023.5 && unit < len(units)-1; unit++ {
		f /= 1024
	}
	if f < 9.95 {
		return strconv.FormatFloat(f, 'f', 1, 64) + units[unit:unit+1]
	}
	return strconv.FormatFloat(math.Round(f), 'f', 0, 64) + units[unit:unit+1]
}

// Span writes a duration in its two largest units, without a blank: "3d04h", "5m10s", "0.25s".
func Span(d time.Duration) string {
	switch s := int64(d / time.Second); {
	case d < 10*time.Second && d%time.Second != 0:
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + "s"
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
	}
}

// Moment writes a time without a blank: "15:04:05" for the day of now, "Jan02-15:04" for the rest of that year,
// "2006-01-02" otherwise.
func Moment(t, now time.Time) string {
	t = t.In(now.Location())
	switch {
	case t.Year() != now.Year():
		return t.Format("2006-01-02")
	case t.YearDay() != now.YearDay():
		return t.Format("Jan02-15:04")
	}
	return t.Format("15:04:05")
}

// Visible makes untrusted bytes harmless and visible. Control characters and bytes outside UTF-8 become \x1b. Marks
// that reorder, hide or break text become \u202e: bidi controls, zero-width characters, line separators. All other
// characters stay, blanks too. Text that is visible already stays the same. See schema.Printed for names that a person
// types again.
func Visible(s string) string {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if schema.Hostile(r, n) {
			return visible(s, i)
		}
		i += n
	}
	return s
}

func visible(s string, clean int) string {
	b := append(make([]byte, 0, len(s)+16), s[:clean]...)
	for i := clean; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if schema.Hostile(r, n) {
			b = schema.AppendEscape(b, s[i:], r, n)
		} else {
			b = append(b, s[i:i+n]...)
		}
		i += n
	}
	return string(b)
}
