package actions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// fact is one property of an object as it was read for the plan.
type fact struct {
	name  string
	value any // comparable
	// guard says that the deed is refused if the property has changed since.
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

// changes compares the guarded facts with the same object read again: "nattch was 0, is 1".
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

// changedError is a deed that was not done because the object is not what was shown.
type changedError struct{ what []string }

func (e *changedError) Error() string {
	return "changed since it was shown: " + strings.Join(e.what, ", ") + ": look at it again"
}

// ifUnchanged makes the deed of a step: read the object again, do it if the guarded facts still hold, and say what
// came of it.
func (f facts) ifUnchanged(read func() (facts, error), do func() error, says string) func() (string, error) {
	return func() (string, error) {
		now, err := read()
		if err != nil {
			return "", err
		}
		if err := f.unchanged(now); err != nil {
			return "", err
		}
		return says, do()
	}
}

// unchanged is nil if the guarded facts still hold.
func (f facts) unchanged(now facts) error {
	if diff := f.changes(now); len(diff) > 0 {
		return &changedError{diff}
	}
	return nil
}

// hexKey is a System V key as people write it.
type hexKey uint32

func (k hexKey) String() string               { return fmt.Sprintf("0x%08x", uint32(k)) }
func (k hexKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// octal is a mode as people write it.
type octal uint32

func (m octal) String() string               { return fmt.Sprintf("%04o", uint32(m)) }
func (m octal) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// moment is a time in Unix seconds as the kernel gives it; 0 is never.
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
