package proc

import (
	"os/user"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseAccounts(t *testing.T) {
	got := parseAccounts([]byte("root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\n\n# "+
		"old:x:5:5:::\n+nis:x:6:6:::\n-nis:x:7:7:::\n"+
		":x:8:8:::\nshort:x:9\nword:x:nine:9:::\nbig:x:4294967296:9:::\nmax:x:4294967295:9:::\n  "+
		"led:x:10:10:::\nlast:x:11:11:::"), 7)
	want := map[uint32]account{0: {"root", true}, 10: {"led", true}, 11: {"last", true}, 4294967295: {"max", true}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(account{})); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseAccounts(f *testing.F) {
	f.Add([]byte("root:x:0:0:root:/root:/bin/sh\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for id, a := range parseAccounts(data, 4) {
			if a.name == "" || !a.known {
				t.Errorf("%d is %+v", id, a)
			}
		}
	})
}

// Users and os/user give the same names.
func TestUsersAreThoseOfTheSystem(t *testing.T) {
	u := NewUsers(true)
	for id := range uint32(200) {
		digits := strconv.Itoa(int(id))
		want, wantGroup := digits, digits
		if e, err := user.LookupId(digits); err == nil {
			want = e.Username
		}
		if e, err := user.LookupGroupId(digits); err == nil {
			wantGroup = e.Name
		}
		if diff := cmp.Diff([]string{want, wantGroup}, []string{u.User(id), u.Group(id)}); diff != "" {
			t.Errorf("%d: %s", id, diff)
		}
	}
	if name, ok := NewUsers(false).UserName(0); ok {
		t.Errorf("a file tree's uid 0 is called %s", name)
	}
}
