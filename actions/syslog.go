package actions

import (
	"fmt"
	"strconv"
	"strings"
)

// mostSyslog is a length in bytes that every log daemon takes (RFC 5424, 6.1: a receiver should take 2048).
const mostSyslog = 1800

// tell sends a result to the system's log, if somebody asked for it. The journal is the record; the system's log is a
// copy. So its failure stops no deed.
func (r *record) tell(l *line) {
	if r.syslog == nil || r.silent {
		return
	}
	if err := r.admin.Syslog(r.origin.PID, r.now(), syslogText(l)); err != nil {
		r.silent = true
		r.syslog(fmt.Errorf("the system's log did not get what was done: %w", err))
	}
}

// syslogText is a result as name=value pairs. Values are quoted where they hold more than letters: names and commands
// are untrusted bytes.
func syslogText(l *line) string {
	pairs := []string{"outcome=" + quoted(l.Event), "ref=" + quoted(l.Ref), "user=" + quoted(l.User),
		"uid=" + strconv.Itoa(l.UID)}
	if l.LoginUID != nil {
		pairs = append(pairs, "login_uid="+strconv.FormatUint(uint64(*l.LoginUID), 10))
	}
	if l.SudoUser != "" {
		pairs = append(pairs, "sudo_user="+quoted(l.SudoUser))
	}
	if l.PlanID != "" {
		pairs = append(pairs, "plan_id="+l.PlanID)
	}
	pairs = append(pairs, "says="+quoted(l.Says), "same_as="+quoted(l.Equivalent))
	text := strings.Join(pairs, " ")
	if len(text) > mostSyslog { // quoted text is ASCII
		text = text[:mostSyslog] + "…"
	}
	return text
}

func quoted(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.:/@", r)
	}
	if s != "" && strings.TrimFunc(s, plain) == "" {
		return s
	}
	return strconv.QuoteToASCII(s)
}
