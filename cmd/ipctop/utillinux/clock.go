package utillinux

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// clock writes times of the kernel, in Unix seconds, as the C library does in the local time zone.
type clock struct{ zone *time.Location }

// never is what util-linux prints for a time that was never set.
const never = "Not set"

// times gives the run's clock. The zone is read when the first time is printed, not before.
func (s *session) times() *clock {
	if s.clock == nil {
		s.clock = &clock{localZone(s.Getenv("TZ"))}
	}
	return s.clock
}

// ctime is man 3 ctime without its newline: "Sat Nov 21 13:16:03 2026".
func (c *clock) ctime(sec int64) string {
	return time.Unix(sec, 0).In(c.zone).Format("Mon Jan _2 15:04:05 2006")
}

// orNever is ctime, or "Not set" for 0.
func (c *clock) orNever(sec int64) string {
	if sec == 0 {
		return never
	}
	return c.ctime(sec)
}

// short is ctime from the month on, to be cut before the year.
func (c *clock) short(sec int64) string {
	if sec == 0 {
		return never
	}
	return time.Unix(sec, 0).In(c.zone).Format("Jan _2 15:04:05 ")
}

// localZone finds the zone that TZ names as the C library does (man 3 tzset): a file of the zone database, or a rule
// such as EST5EDT,M3.2.0,M11.1.0; UTC if it is neither. Without TZ it is the machine's.
func localZone(tz string) *time.Location {
	if tz == "" {
		return time.Local // which knows an empty TZ, UTC, from none
	}
	name := strings.TrimPrefix(tz, ":")
	if filepath.IsAbs(name) {
		if data, err := os.ReadFile(name); err == nil {
			if zone, err := time.LoadLocationFromTZData(name, data); err == nil {
				return zone
			}
		}
		return time.UTC
	}
	if zone, err := time.LoadLocation(name); err == nil && name != "Local" {
		return zone
	}
	if zone, err := time.LoadLocationFromTZData(name, ruleFile(name)); err == nil {
		return zone
	}
	return time.UTC
}

// ruleFile is a zone's file (man 5 tzfile) that has no transitions, one type of time, UTC, and a rule for all times.
// What package time cannot take for a rule leaves UTC.
func ruleFile(rule string) []byte {
	block := func(version byte) []byte {
		data := append([]byte("TZif"), version)
		data = append(data, make([]byte, 15)...)
		// UT and standard indicators, leap seconds, transitions, types, letters
		for _, count := range []uint32{0, 0, 0, 0, 1, 4} {
			data = binary.BigEndian.AppendUint32(data, count)
		}
		return append(data, "\x00\x00\x00\x00\x00\x00UTC\x00"...)
	}
	return append(append(block('2'), block('2')...), "\n"+rule+"\n"...)
}

// timeFormat is how lsipc writes times.
type timeFormat int

const (
	timeUnset timeFormat = iota
	timeShort
	timeFull
	timeISO
)

// set takes the name of a format.
func (f *timeFormat) set(name string) bool {
	format, ok := map[string]timeFormat{"short": timeShort, "full": timeFull, "iso": timeISO}[name]
	if ok {
		*f = format
	}
	return ok
}

// format writes a time: short is the time of a day's, the day of a year's, or the year and day; full is ctime.
func (c *clock) format(f timeFormat, sec int64, now time.Time) string {
	t, now := time.Unix(sec, 0).In(c.zone), now.In(c.zone)
	switch {
	case f == timeFull:
		return c.ctime(sec)
	case f == timeISO:
		return t.Format("2006-01-02T15:04:05-07:00")
	case t.Year() != now.Year():
		return t.Format("2006-Jan02")
	case t.YearDay() != now.YearDay():
		return t.Format("Jan02")
	}
	return t.Format("15:04")
}
