package leaks

import (
	"testing"

	"github.com/ipctop/ipctop/collect/schema"
)

func TestRemoval(t *testing.T) {
	for want, o := range map[string]*schema.Object{
		"ipcrm -m 32769":                 {Ref: schema.Ref{Kind: schema.Shm, ID: 32769, Gen: 5}},
		"ipcrm -s 0":                     {Ref: schema.Ref{Kind: schema.Sem}},
		"ipcrm -q 7":                     {Ref: schema.Ref{Kind: schema.Msg, ID: 7}},
		"ipctop rm shm:5@402653217":      {Ref: schema.Ref{Kind: schema.Shm, ID: 5, Space: 402653217}},
		"ipctop rm pmsg:/jobs":           {Ref: schema.Ref{Kind: schema.PMsg, Name: "/jobs"}},
		`ipctop rm 'psem:/a\x20b'`:       {Ref: schema.Ref{Kind: schema.PSem, Name: "/a b"}},
		`ipctop rm 'psem:/caf\xe8'`:      {Ref: schema.Ref{Kind: schema.PSem, Name: "/caf\xe8"}},
		`ipctop rm $'psem:/\134\134x1b'`: {Ref: schema.Ref{Kind: schema.PSem, Name: "/\\\x1b"}},
	} {
		if got := Removal(o); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
