package main

import (
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/views"
)

// registerGrace adds --grace. graceOf reads its text. The flag is no duration of pflag, because pflag does not know
// days.
func registerGrace(flags *pflag.FlagSet, text *string) {
	usual := strings.TrimSuffix(collect.DefaultGrace.String(), "0s")
	flags.StringVar(text, "grace", usual,
		"the `age` since its last use below which no object is called an orphan: 90s, 5m, 7d")
}

// graceOf turns the text of --grace into a duration for collect.Request. A wrong text is a usage error.
func graceOf(text string) (time.Duration, error) {
	d, err := views.ParseDuration(text)
	switch {
	case err != nil:
		return 0, usageErrorf("--grace: %v", err)
	case d < 0:
		return 0, usageErrorf("--grace %s: a time cannot be less than 0s", text)
	case d == 0:
		return collect.NoGrace, nil
	}
	return d, nil
}
