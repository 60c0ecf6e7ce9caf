package proc

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

const someID = "4f5e6d7c8b9a4f5e6d7c8b9a4f5e6d7c8b9a4f5e6d7c8b9a4f5e6d7c8b9a0123"

func TestParseControlGroups(t *testing.T) {
	type found struct {
		Container
		Unit string
	}
	otherID := strings.Repeat("ab", 32)
	docker, podman, cri := "docker-"+someID+".scope", "libpod-"+someID+".scope", "cri-containerd-"+someID+".scope"
	inDocker := found{Container{Runtime: "docker", ID: someID}, docker}
	for text, want := range map[string]found{
		"0::/system.slice/" + docker + "\n":                      inDocker,
		"0::/../" + docker + "\n":                                inDocker,
		"0::/" + docker + "/docker-" + otherID + ".scope\n":      inDocker,
		"12:memory:/docker/" + someID + "\n":                     {Container{Runtime: "docker", ID: someID}, ""},
		"0::/machine.slice/" + podman + "/container\n":           {Container{Runtime: "podman", ID: someID}, podman},
		"0::/user.slice/user@1.service/a.slice/" + podman + "\n": {Container{Runtime: "podman", ID: someID}, podman},
		"0::/kubepods.slice/kubepods-pod7.slice/" + cri + "\n":   {Container{Runtime: "cri", ID: someID}, cri},
		"0::/kubepods/burstable/pod7/" + someID + "\n":           {Container{ID: someID}, ""},
		"0::/kubepods.slice/crio-" + someID + "\n":               {Container{Runtime: "cri", ID: someID}, ""},
		"0::/lxc.payload.web/system.slice/nginx.service\n": {Container{Runtime: "lxc", Name: "web"},
			"nginx.service"},
		"1:name=systemd:/lxc/web\n": {Container{Runtime: "lxc", Name: "web"}, ""},
		"0::/lxc.monitor.web\n":     {},
		`0::/machine.slice/machine-my\x2dweb.scope/payload` + "\n": {Container{Runtime: "nspawn", Name: "my-web"},
			`machine-my\x2dweb.scope`},
		"0::/machine.slice/systemd-nspawn@web.service/payload\n": {Container{Runtime: "nspawn", Name: "web"},
			"systemd-nspawn@web.service"},
		"0::/system.slice/system-getty.slice/getty@tty1.service\n":    {Unit: "getty@tty1.service"},
		"0::/user.slice/user-0.slice/session-3.scope\n":               {Unit: "session-3.scope"},
		"0::/user.slice/user@1000.service/app.slice/app-foot.scope\n": {Unit: "app-foot.scope"},
		"0::/user.slice/user-1000.slice/user@1000.service\n":          {Unit: "user@1000.service"},
		"4:cpu:/other.service\n1:name=systemd:/cron.service\n0::/\n":  {Unit: "cron.service"},
		"0::/system.slice/docker-short.scope\n":                       {Unit: "docker-short.scope"},
		"0::/libpod-conmon-" + someID + ".scope\n":                    {Unit: "libpod-conmon-" + someID + ".scope"},
		"0::/\n": {}, "": {}, "nonsense": {}, "0::/.scope\n": {},
	} {
		c, unit := ParseControlGroups(text)
		if diff := cmp.Diff(want, found{c, unit}); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestNamesOfContainers(t *testing.T) {
	for text, want := range map[string]struct {
		read func([]byte, string) string
		name string
	}{
		`{"StreamConfig":{},"Name":"/web","ID":"x"}`:                        {dockerName, "web"},
		`[{"id":"1","names":["a"]},{"id":"` + someID + `","names":["db"]}]`: {podmanName, "db"},
		`[{"id":"1","names":["a"]}]`:                                        {podmanName, ""},
		`{"annotations":{"io.kubernetes.cri.sandbox-name":"web-7f","io.kubernetes.cri.container-name":"nginx"}}`: {
			annotatedName, "web-7f/nginx"},
		`{"annotations":{"io.kubernetes.cri.sandbox-name":"web-7f","io.kubernetes.cri.container-type":"sandbox"}}`: {
			annotatedName, "web-7f"},
		`{"annotations":{"io.kubernetes.pod.name":"p","io.kubernetes.container.name":"c"}}`: {annotatedName, "p/c"},
		`{"annotations":7}`: {annotatedName, ""}, `{`: {dockerName, ""}, `{}`: {podmanName, ""},
	} {
		if got := want.read([]byte(text), someID); got != want.name {
			t.Errorf("%s: %q, want %q", text, got, want.name)
		}
	}
	args := []string{"/usr/bin/conmon", "--api-version", "1", "-c", someID, "-u", someID, "-n", "db"}
	if got := conmonName(args, someID); got != "db" {
		t.Errorf("conmon: %q", got)
	}
	if got := conmonName(args, "1"); got != "" {
		t.Errorf("conmon of another container: %q", got)
	}
}

func FuzzParseControlGroups(f *testing.F) {
	f.Add("0::/system.slice/docker-" + someID + ".scope\n")
	f.Add(`0::/machine.slice/machine-a\x2db.scope` + "\n1:name=systemd:/x.service\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, unit := ParseControlGroups(text)
		if c.ID != "" && (len(c.ID) != 64 || strings.Trim(c.ID, "0123456789abcdef") != "") {
			t.Errorf("%q: id %q", text, c.ID)
		}
		if strings.ContainsAny(unit, "/\n") || unit != "" && !isUnit(unit) {
			t.Errorf("%q: unit %q", text, unit)
		}
		if utf8.ValidString(text) && len(c.String()) > len(text) {
			t.Errorf("%q: %q", text, c)
		}
	})
}

func FuzzNamesOfContainers(f *testing.F) {
	f.Add([]byte(`{"Name":"/web","annotations":{"io.kubernetes.pod.name":"p"}}`))
	f.Add([]byte(`[{"id":"` + someID + `","names":["db"]}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, file := range nameFiles() {
			if got := file.name(text, someID); len(got) > 4*len(text) {
				t.Errorf("%q: %q", text, got)
			}
		}
	})
}
