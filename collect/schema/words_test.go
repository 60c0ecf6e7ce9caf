package schema_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/schema"
)

func TestCounted(t *testing.T) {
	var got []string
	for _, n := range []uint64{0, 1, 2} {
		for _, noun := range []string{"byte", "process", "directory", "day", "more blocked task"} {
			got = append(got, schema.Counted(n, noun))
		}
	}
	want := []string{
		"0 bytes", "0 processes", "0 directories", "0 days", "0 more blocked tasks",
		"1 byte", "1 process", "1 directory", "1 day", "1 more blocked task",
		"2 bytes", "2 processes", "2 directories", "2 days", "2 more blocked tasks",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPlural(t *testing.T) {
	var got []string
	for n := range 3 {
		got = append(got, fmt.Sprintf("%d %s full", n, schema.Plural(n, "queue is", "queues are")))
	}
	if diff := cmp.Diff([]string{"0 queues are full", "1 queue is full", "2 queues are full"}, got); diff != "" {
		t.Error(diff)
	}
}
