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
	switch v.State() {
	case schema.NotCollected:
		return NotCollectedText
	case schema.Absent:
		return ""
	case schema.Denied:
		return DeniedText
	}
	switch v.Type() {
	case schema.TypeString:
		if v.IsName() {
			return schema.Printed(v.Str())
		}
		return Visible(v.Str())
	case schema.TypeBytes:
		if f.Bytes {
			return strconv.FormatUint(v.Uint(), 10)
		}
		return Size(v.Uint())
	case schema.TypeDuration:
		if f.Bytes {
			return seconds(v.Duration())
		}
		return Span(v.Duration())
	case schema.TypeTime:
		if f.Bytes {
			return v.Time().Format(time.RFC3339)
		}
		return Moment(v.Time(), f.Now)
	case schema.TypePerms:
		return permsText(v)
	case schema.TypeKey:
		return keyText(v)
	case schema.TypeBool:
		if v.Bool() {
			return "yes"
		}
		return "no"
	case schema.TypeFloat:
		return strconv.FormatFloat(v.Float(), 'f', 1, 64)
	case schema.TypeEndpoints:
		if f.Bytes {
			return endpointsText(v, len(v.Named()))
		}
		return endpointsText(v, shownProcesses)
	case schema.TypeList:
		return Visible(listText(v.List(), f))
	case schema.TypeRef:
		return Visible(v.Ref().String())
	}
	return strconv.FormatInt(v.Int(), 10)
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

func permsText(v schema.Value) string { return fmt.Sprintf("%04o", v.Int()) }
func keyText(v schema.Value) string   { return fmt.Sprintf("0x%08x", v.Uint()) }

func seconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
}

// shownProcesses is the most processes that a cell names. JSON and CSV name all (see schema.SharedEndpoints).
const shownProcesses = 4

// endpointsText writes each process once as "pid/comm". It adds "+3" for the processes beyond limit, and "+?" if more
// processes may be hidden.
func endpointsText(v schema.Value, limit int) string {
	var b strings.Builder
	seen, n := map[int]bool{}, 0
	for _, e := range v.Endpoints() {
		if seen[e.PID] {
			continue
		}
		seen[e.PID] = true
		if n++; n > limit {
			continue
		}
		if n > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d/%s", e.PID, Visible(e.Comm))
	}
	if n > limit {
		fmt.Fprintf(&b, ",+%d", n-limit)
	}
	if v.Partial() {
		b.WriteString("+?")
	}
	return b.String()
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
