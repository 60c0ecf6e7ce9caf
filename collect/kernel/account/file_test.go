package account

import (
	"os/user"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The lines were given to getent(1) of glibc 2.36: each number had the name that stands here, or none.
func TestParseAccounts(t *testing.T) {
	users := "root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\n\n# old:x:5:5:::\n+nis:x:6:6:::\n" +
		"-nis:x:7:7:::\n" +
		":x:8:8:::\nshort:x:9\nfour:x:12:12\nword:x:nine:9:::\ngroup:x:13:word:::\nmax:x:4294967295:9:::\n" +
		" \tled:x:10:10:::\nplus:x:+14:14:::\nblank:x: 15: 15:::\nafter:x:16 :16:::\nname :x:17:17:::\n" +
		"empty:x::18:::\n" +
		"return:x:19:19\r\nlast:x:11:11:::"
	for _, c := range []struct {
		file    string
		numbers int
		want    map[uint32]account
	}{
		{users, 2, map[uint32]account{0: {"root", true}, 12: {"four", true}, 10: {"led", true}, 14: {"plus", true},
			15: {"blank", true}, 17: {"name ", true}, 11: {"last", true}, 4294967295: {"max", true}}},
		{"big:x:4294967296:9:::\nminus:x:-5:9:::\nzero:x:-0:9:::\nled:x:0005:9:::\n", 2,
			map[uint32]account{0: {"zero", true}, 5: {"led", true}}},
		{"svcg:x:4711\nadm::4:root,x\nno:x\nbad:x:4712x\n\tled:x: +5:\n+:x:6:\n", 1,
			map[uint32]account{4711: {"svcg", true}, 4: {"adm", true}, 5: {"led", true}}},
	} {
		if diff := cmp.Diff(c.want, parseAccounts([]byte(c.file), c.numbers),
			cmp.AllowUnexported(account{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.file, diff)
		}
	}
}

func FuzzParseAccounts(f *testing.F) {
	f.Add([]byte("root:x:0:0:root:/root:/bin/sh\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for id, a := range parseAccounts(data, 1) {
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
