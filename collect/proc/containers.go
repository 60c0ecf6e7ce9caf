package proc

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ipctop/ipctop/collect/kernel/vfs"
)

// Container is the container of a process, as far as its control group tells.
type Container struct {
	Runtime string // "docker", "podman", "cri", "lxc", "nspawn"; "": not known
	ID      string // 64 hexadecimal digits; "" for a runtime that has only names
	Name    string // "": not known, or the file that has it may not be read
}

// String is the name, else the short id; "" for no container.
func (c Container) String() string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID[:min(len(c.ID), 12)]
}

// groupForm is a form of the name of a container's control group.
type groupForm struct {
	runtime, prefix, suffix string
	parent                  string // name of the group above; "": any
	named                   bool   // a name stands between prefix and suffix, else an id
}

// groupForms are the forms that container engines use with systemd and without. Engines without a form of their own,
// and kubelet without systemd, have groups that are called like the id.
func groupForms() []groupForm {
	return []groupForm{
		{runtime: "docker", prefix: "docker-", suffix: ".scope"},
		{runtime: "docker", parent: "docker"},
		{runtime: "podman", prefix: "libpod-", suffix: ".scope"},
		{runtime: "podman", prefix: "libpod-"},
		{runtime: "cri", prefix: "cri-containerd-", suffix: ".scope"},
		{runtime: "cri", prefix: "crio-", suffix: ".scope"},
		{runtime: "cri", prefix: "crio-"},
		{runtime: "lxc", prefix: "lxc.payload.", named: true},
		{runtime: "lxc", parent: "lxc.payload", named: true},
		{runtime: "lxc", parent: "lxc", named: true},
		{runtime: "nspawn", prefix: "machine-", suffix: ".scope", named: true},
		{runtime: "nspawn", prefix: "systemd-nspawn@", suffix: ".service", named: true},
		{},
	}
}

// match finds the container in the name of a group.
func (f groupForm) match(parent, group string) (Container, bool) {
	rest, ok := strings.CutPrefix(group, f.prefix)
	if ok {
		rest, ok = strings.CutSuffix(rest, f.suffix)
	}
	switch {
	case !ok || rest == "" || f.parent != "" && f.parent != parent:
		return Container{}, false
	case f.named:
		return Container{Runtime: f.runtime, Name: unescapeUnit(rest)}, true
	}
	return Container{Runtime: f.runtime, ID: rest}, len(rest) == 64 && strings.Trim(rest, "0123456789abcdef") == ""
}

// ParseControlGroups finds the container and the systemd unit in /proc/PID/cgroup (man 5 proc_pid_cgroup). Of groups in
// one another the outermost counts: a container may give any names to the groups below its own.
func ParseControlGroups(text string) (c Container, unit string) {
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) < 3 {
			continue
		}
		groups := strings.Split(parts[2], "/")
		if c == (Container{}) {
			c = containerOf(groups)
		}
		if systemd := parts[1] == "name=systemd" || parts[0] == "0" && parts[1] == ""; systemd && unit == "" {
			unit = unitOf(groups)
		}
	}
	return c, unit
}

func containerOf(groups []string) Container {
	for i, group := range groups {
		parent := ""
		if i > 0 {
			parent = groups[i-1]
		}
		for _, form := range groupForms() {
			if c, ok := form.match(parent, group); ok {
				return c
			}
		}
	}
	return Container{}
}

// unitOf is the first group below the slices whose name is a unit's, as in cg_path_get_unit (systemd's cgroup-util.c).
// A user's own manager has units below its own: then it is the first of those.
func unitOf(groups []string) string {
	unit := ""
	for _, group := range groups {
		group = strings.TrimPrefix(group, "_") // systemd's escape for names that the kernel reserves
		switch {
		case !isUnit(group):
			continue
		case unit == "":
			unit = group
		default:
			return group
		}
		if !strings.HasPrefix(unit, "user@") {
			return unit
		}
	}
	return unit
}

// isUnit is true for the names of units that have processes (man 5 systemd.unit). A slice has none of its own.
func isUnit(name string) bool {
	return slices.ContainsFunc([]string{".service", ".scope", ".socket", ".mount", ".swap"},
		func(suffix string) bool { return len(name) > len(suffix) && strings.HasSuffix(name, suffix) })
}

// unescapeUnit undoes systemd's escapes in a part of a unit's name: \x2d is "-" (man 1 systemd-escape).
func unescapeUnit(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		var c byte
		if strings.HasPrefix(text[i:], `\x`) && len(text) >= i+4 {
			if n, err := fmt.Sscanf(text[i+2:i+4], "%02x", &c); n == 1 && err == nil {
				b.WriteByte(c)
				i += 3
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// nameFile is a file in which an engine keeps the names of containers. ID in path stands for the id.
type nameFile struct {
	runtime, path string
	name          func(text []byte, id string) string
}

// nameFiles are the files of the engines. Most are readable by root only.
func nameFiles() []nameFile {
	const task = "/run/containerd/io.containerd.runtime.v2.task/"
	return []nameFile{
		{"docker", "/var/lib/docker/containers/ID/config.v2.json", dockerName},
		{"podman", "/var/lib/containers/storage/overlay-containers/containers.json", podmanName},
		{"podman", "/var/lib/containers/storage/vfs-containers/containers.json", podmanName},
		{"cri", task + "k8s.io/ID/config.json", annotatedName},
		{"cri", "/run/containers/storage/overlay-containers/ID/userdata/config.json", annotatedName},
		{"", task + "default/ID/config.json", annotatedName},
	}
}

// dockerName reads config.v2.json of Docker: {"Name":"/web", …}.
func dockerName(text []byte, _ string) string {
	var config struct{ Name string }
	if json.Unmarshal(text, &config) != nil {
		return ""
	}
	return strings.TrimPrefix(config.Name, "/")
}

// podmanName reads containers.json of containers/storage: [{"id":…,"names":["web"], …}, …].
func podmanName(text []byte, id string) string {
	var all []struct {
		ID    string   `json:"id"`
		Names []string `json:"names"`
	}
	if json.Unmarshal(text, &all) != nil {
		return ""
	}
	for _, c := range all {
		if c.ID == id && len(c.Names) > 0 {
			return c.Names[0]
		}
	}
	return ""
}

// annotatedName reads the annotations in config.json of an OCI bundle. containerd and CRI-O put the names of the pod
// and of the container there, nerdctl the container's.
func annotatedName(text []byte, _ string) string {
	var bundle struct {
		Annotations map[string]string `json:"annotations"`
	}
	if json.Unmarshal(text, &bundle) != nil {
		return ""
	}
	first := func(keys ...string) string {
		for _, key := range keys {
			if v := bundle.Annotations[key]; v != "" {
				return v
			}
		}
		return ""
	}
	pod := first("io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name")
	name := first("io.kubernetes.cri.container-name", "io.kubernetes.container.name", "nerdctl/name")
	if pod == "" || name == "" {
		return pod + name
	}
	return pod + "/" + name
}

// mostNameFile is the most bytes to read of a file with names.
const mostNameFile = 4 << 20

// groupFacts are the containers and units that were found in a tick.
type groupFacts struct {
	byPID map[int]groupFact
	names map[string]string // of containers, by id
}

type groupFact struct {
	container Container
	unit      string
	err       error
}

// ControlGroup finds the container and the systemd unit of a process: it reads /proc/PID/cgroup, and one file of the
// engine for each container, once a tick. The error is that of reading the control group.
func (t *Tick) ControlGroup(p *Process) (c Container, unit string, err error) {
	facts := Memo(t, func(*Tick) *groupFacts {
		return &groupFacts{byPID: map[int]groupFact{}, names: map[string]string{}}
	})
	f, ok := facts.byPID[p.PID]
	if !ok {
		text, err := t.Host.ReadFile(fmt.Sprintf("/proc/%d/cgroup", p.PID))
		f.err = err
		f.container, f.unit = ParseControlGroups(string(text))
		if id := f.container.ID; id != "" {
			name, known := facts.names[id]
			if !known {
				name = t.nameOfContainer(f.container, p)
				facts.names[id] = name
			}
			f.container.Name = name
		}
		facts.byPID[p.PID] = f
	}
	return f.container, f.unit, f.err
}

// nameOfContainer reads the name of a container in the engine's files, else in the arguments of its monitor.
func (t *Tick) nameOfContainer(c Container, p *Process) string {
	for _, file := range nameFiles() {
		if c.Runtime != "" && file.runtime != "" && file.runtime != c.Runtime {
			continue
		}
		text, err := t.nameFile(strings.Replace(file.path, "ID", c.ID, 1))
		if err != nil {
			continue
		}
		if name := file.name(text, c.ID); name != "" {
			return name
		}
	}
	return t.monitorName(c, p)
}

// nameFile reads a file of a container engine.
func (t *Tick) nameFile(path string) ([]byte, error) {
	if t.Host.Live() {
		return vfs.ReadFile(path, mostNameFile)
	}
	text, err := t.Host.ReadFile(path)
	return text[:min(len(text), mostNameFile)], err
}

// monitorName finds the name in the arguments of conmon, the monitor of podman and CRI-O, above the process: every user
// may read them.
func (t *Tick) monitorName(c Container, p *Process) string {
	const most = 64 // ancestors
	for range most {
		if p = t.Process(p.PPID); p == nil {
			return ""
		}
		if p.Comm != "conmon" {
			continue
		}
		dir, err := t.Host.OpenProc(p.PID)
		if err != nil {
			return ""
		}
		text, err := dir.Read("cmdline", nil)
		dir.Close()
		if err != nil {
			return ""
		}
		return conmonName(strings.Split(string(text), "\x00"), c.ID)
	}
	return ""
}

// conmonName reads the arguments of conmon (man 8 conmon): -c ID, -n NAME.
func conmonName(args []string, id string) string {
	value := func(short, long string) string {
		for i, arg := range args[:max(0, len(args)-1)] {
			if arg == short || arg == long {
				return args[i+1]
			}
		}
		return ""
	}
	if value("-c", "--cid") != id {
		return ""
	}
	return value("-n", "--name")
}
