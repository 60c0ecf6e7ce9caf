package utillinux

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// clock writes times of the kernel, in Unix seconds. It writes them in the local time zone, as the C library does.
type clock struct{ zone *time.Location }

// neverSet stands for a time that was never set, as in util-linux.
const neverSet = "Not set"

// times gives the run's clock. It reads the zone when the run prints its first time, not before.
func (s *session) times() *clock {
	if s.clock == nil {
		s.clock = &clock{localZone(s.Getenv("TZ"))}
	}
	return s.clock
}

// ctime formats like man 3 ctime, without the newline: "Sat Nov 21 13:16:03 2026".
func (c *clock) ctime(sec int64) string {
	return time.Unix(sec, 0).In(c.zone).Format("Mon Jan _2 15:04:05 2006")
}

// orNever formats like ctime, and gives "Not set" for 0.
func (c *clock) orNever(sec int64) string {
	if sec == 0 {
		return neverSet
	}
	return c.ctime(sec)
}

// short gives the part of ctime from the month to the seconds. It gives "Not set" for 0.
func (c *clock) short(sec int64) string {
	if sec == 0 {
		return neverSet
	}
	return time.Unix(sec, 0).In(c.zone).Format("Jan _2 15:04:05 ")
}

// localZone finds the zone that TZ names, as the C library does (man 3 tzset). TZ names a file of the zone database, or
// is a rule such as EST5EDT,M3.2.0,M11.1.0. For any other text the zone is UTC. Without TZ the zone is the machine's.
func localZone(tz string) *time.Location {
	if tz == "" {
		return time.Local // package time handles both cases: UTC for an empty TZ, the machine's zone without TZ
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

// ruleFile makes the file of a zone (man 5 tzfile) from a rule. The file has no transitions and one type of time, UTC.
// The rule applies to all times. If package time cannot read the rule, UTC remains.
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

// timeFormat is a format of times in lsipc.
type timeFormat int

const (
	timeUnset timeFormat = iota
	timeShort
	timeFull
	timeISO
)

// set takes the name of a format. It returns false if there is no such format.
func (f *timeFormat) set(name string) bool {
	format, ok := map[string]timeFormat{"short": timeShort, "full": timeFull, "iso": timeISO}[name]
	if ok {
		*f = format
	}
	return ok
}

// format writes a time, in Unix seconds. The short format is the time of today, the day of this year, or else the year
// and the day. The full format is ctime.
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
