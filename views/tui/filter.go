package tui

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/ipctop/ipctop/collect/schema"
)

// textFilter is the text after "/": words, or a regular expression between slashes.
type textFilter struct {
	text string
	re   *regexp.Regexp
}

// parseFilter reads "text" or "/regex/". Case counts only if the text has capitals.
func parseFilter(s string) (textFilter, error) {
	if len(s) > 1 && strings.HasPrefix(s, "/") {
		pattern := strings.TrimSuffix(s[1:], "/")
		_, err := regexp.Compile(pattern)
		var wrong *syntax.Error
		if errors.As(err, &wrong) {
			return textFilter{}, fmt.Errorf("not a regular expression: %s: %s", wrong.Code, wrong.Expr)
		}
		if pattern == strings.ToLower(pattern) {
			pattern = "(?i)" + pattern
		}
		re, err := regexp.Compile(pattern)
		return textFilter{text: s, re: re}, err
	}
	return textFilter{text: s}, nil
}

// matcher returns a function that is true if a cell of an object matches; nil for an empty filter.
func (f textFilter) matcher(cells func(*schema.Object, func(string) bool)) func(*schema.Object) bool {
	if f.text == "" || f.text == "/" {
		return nil
	}
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), f.text) }
	switch {
	case f.re != nil:
		has = f.re.MatchString
	case f.text != strings.ToLower(f.text):
		has = func(s string) bool { return strings.Contains(s, f.text) }
	}
	return func(o *schema.Object) bool {
		found := false
		cells(o, func(s string) bool { found = has(s); return !found })
		return found
	}
}
