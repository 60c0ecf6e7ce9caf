package leaks

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/relate"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/collect/software"
)

// tmpfiles.d lists FIFOs that the machine makes at its start, for programs that open them later.
func TestFIFOsOfTmpfiles(t *testing.T) {
	const text = "# p /run/no\nd /run/dir 0755\np+ /run/a 0600 root root -\n  p! /var/run/b\np \"%t/c\" 0600\np " +
		"/var/tmp/d/../e\np\npipe /run/f\n"
	got := tmpfilesFIFOs(text)
	if diff := gocmp.Diff([]string{"/run/a", "/run/b", "/run/c", "/var/tmp/e"}, got); diff != "" {
		t.Error(diff)
	}
	list := &tmpfiles{fifos: map[string]string{"/run/a": "/etc/tmpfiles.d/x.conf"},
		coverage: relate.Coverage{Complete: true}}
	l := &tick{tmpfiles: func() *tmpfiles { return list }}
	for name, want := range map[string]string{
		"/run/a": "it is meant to be there unused: /etc/tmpfiles.d/x.conf lists it (tmpfiles.d)", "/run/z": ""} {
		var e relate.Evidence
		if l.protectFIFO(&e, software.Subject{Kind: schema.Fifo, Name: name}); e.Protected != want {
			t.Errorf("%s: %+v", name, e)
		}
	}
	list.coverage.MarkIncomplete("denied")
	e := relate.Evidence{AllRules: relate.Coverage{Complete: true}}
	if l.protectFIFO(&e, software.Subject{Kind: schema.Fifo, Name: "/run/z"}); e.AllRules.Complete {
		t.Error("a list that could not be read hides nothing")
	}
}
