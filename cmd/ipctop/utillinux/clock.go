package utillinux

import (
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

func localZone(string) *time.Location { return time.Local }

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
