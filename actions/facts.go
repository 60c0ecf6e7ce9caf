package actions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ipctop/ipctop/collect/schema"
)

// fact is one property of an object, as the plan read it.
type fact struct {
	name  string
	value any // comparable
	// guard: the deed is refused if the property has changed since the plan.
	guard bool
}

// facts describe one object in full. The journal keeps them as a JSON object, in this order.
type facts []fact

// MarshalJSON writes the facts as an object.
func (f facts) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, x := range f {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(x.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(x.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.name, err)
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// changes compares the guarded facts with now, a later reading of the same object: "nattch was 0, is 1".
func (f facts) changes(now facts) []string {
	value := map[string]any{}
	for _, x := range now {
		value[x.name] = x.value
	}
	var diff []string
	for _, x := range f {
		if !x.guard {
			continue
		}
		if is, ok := value[x.name]; !ok {
			diff = append(diff, fmt.Sprintf("%s was %v, cannot be read any more", x.name, x.value))
		} else if is != x.value {
			diff = append(diff, fmt.Sprintf("%s was %v, is %v", x.name, x.value, is))
		}
	}
	return diff
}

// areLost says of a number of things that they are lost: "1 byte is lost".
func areLost[N uint64 | int](n N, noun string) string {
	return schema.Counted(n, noun) + schema.Plural(n, " is lost", " are lost")
}

// changedError means: the deed was not done, because the object has changed since the plan.
type changedError struct{ what []string }

func (e *changedError) Error() string {
	return "changed since it was shown: " + strings.Join(e.what, ", ") + ": look at it again"
}

// ifUnchanged returns the deed of a step. The deed reads the object again. If the guarded facts still hold, it calls do
// and returns says. Where even the time of a comparison matters, guarded compares structures instead.
func (f facts) ifUnchanged(read func() (facts, error), do func() error, says string) func() (string, error) {
	return func() (string, error) {
		now, err := read()
		if err != nil {
			return "", err
		}
		if !slices.Equal(f, now) { // facts that are not guarded may differ
			if err := f.unchanged(now); err != nil {
				return "", err
			}
		}
		return says, do()
	}
}

// unchanged returns a *changedError unless the guarded facts still hold.
func (f facts) unchanged(now facts) error {
	if len(f.changes(now)) == 0 {
		return nil
	}
	return f.changed(now)
}

// changed returns the error for two looks at an object that differ.
func (f facts) changed(now facts) error {
	diff := f.changes(now)
	if len(diff) == 0 {
		diff = []string{"its values are others"}
	}
	return &changedError{diff}
}

// hexKey is a System V key; its text is hexadecimal.
type hexKey uint32

func (k hexKey) String() string               { return fmt.Sprintf("0x%08x", uint32(k)) }
func (k hexKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// octal is a file mode; its text is octal.
type octal uint32

func (m octal) String() string               { return fmt.Sprintf("%04o", uint32(m)) }
func (m octal) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// moment is a kernel time in Unix seconds; 0 is never.
type moment int64

func (m moment) String() string {
	if m == 0 {
		return "never"
	}
	return time.Unix(int64(m), 0).UTC().Format(time.RFC3339)
}

// MarshalJSON writes RFC 3339, null for never.
func (m moment) MarshalJSON() ([]byte, error) {
	if m == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(m.String())
}
