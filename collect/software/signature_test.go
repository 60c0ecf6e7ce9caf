package software

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect/schema"
)

// summary holds the fields of a Match that the tests compare.
type summary struct {
	ID, Confidence string
	PID            int
	Protect        bool
}

func summarize(m Match) summary { return summary{m.ID, m.Confidence, m.NamedPID, m.Protect} }

func named(kind schema.Kind, name string) Subject {
	return Subject{Kind: kind, Name: name, User: "bob", UID: 1000, Perms: 0o600, Size: 4096}
}

// owned returns the object with another owner.
func (s Subject) owned(user string) Subject {
	s.User = user
	return s
}

func (s Subject) perms(p uint32) Subject {
	s.Perms = p
	return s
}

func keyed(kind schema.Kind, key uint32) Subject {
	s := Subject{Kind: kind, Key: key, User: "bob", UID: 1000, Perms: 0o600, Size: 1 << 20}
	if kind == schema.Sem {
		s.NSems = 1
	}
	return s
}

func (s Subject) sized(n uint64) Subject {
	s.Size = n
	return s
}

func (s Subject) sems(n uint64) Subject {
	s.NSems = n
	return s
}

func (s Subject) attached(n uint64, dest bool) Subject {
	s.NAttch, s.Dest = n, dest
	return s
}

// builtinCase is an object with the expected match of the built-in signatures. summary{} means no match.
type builtinCase struct {
	subject Subject
	want    summary
}

// builtinFiles returns the files that some of the cases need.
func builtinFiles(pattern string) PatternFiles {
	byBits := map[string]map[uint32]string{
		"/etc/zabbix/zabbix_*.conf": {0x0a0b0c: "/etc/zabbix/zabbix_server.conf"},
		"/tmp/qipc_sharedmemory_*":  {0x1a1b1c: "/tmp/qipc_sharedmemory_app"},
		"/tmp/qipc_systemsem_*":     {0x2a2b2c: "/tmp/qipc_systemsem_app"},
	}[pattern]
	return PatternFiles{byBits, true}
}

func builtinCases() []builtinCase {
	const msg, sem, shm, psem, pshm, memfd, fifo, unix = schema.Msg, schema.Sem, schema.Shm, schema.PSem, schema.PShm,
		schema.Memfd, schema.Fifo, schema.Unix
	certain := func(id string) summary { return summary{ID: id, Confidence: Certain} }
	likely := func(id string) summary { return summary{ID: id, Confidence: Likely} }
	possible := func(id string) summary { return summary{ID: id, Confidence: Possible} }
	pid := func(t summary, pid int) summary { t.PID = pid; return t }
	return []builtinCase{
		{keyed(shm, 9994097).owned("postgres").sized(56), likely("postgresql")},
		{keyed(shm, 9994097).owned("postgres").sized(56).perms(0o644), summary{}},
		{keyed(shm, 9994097).owned("postgres"), possible("postgresql")},
		{keyed(shm, 9994097).sized(56), summary{}},
		{keyed(sem, 9994097).owned("postgres").sems(17), likely("postgresql")},
		{keyed(sem, 9994097).owned("postgres").sems(3), summary{}},
		{keyed(shm, 0x0052e2c1), likely("postgresql")},
		{keyed(sem, 5432002).sems(17), likely("postgresql")},
		{keyed(shm, 5432000), summary{}},
		{keyed(shm, 0x0052e2c1).perms(0o666), summary{}},
		{named(pshm, "PostgreSQL.1988954490"), certain("postgresql")},
		{named(pshm, "PostgreSQL.1988954490").perms(0o666), summary{}},
		{named(pshm, "PostgreSQL.x"), summary{}},
		{named(psem, "PostgreSQL.42"), likely("postgresql")},
		{named(psem, "pgsql-5432001"), likely("postgresql")},
		{named(psem, "pgsql-x"), summary{}},
		{named(unix, "/run/postgresql/.s.PGSQL.5432"), certain("postgresql")},
		{named(unix, "/run/postgresql/.s.PGSQL.5432.lock"), summary{}},

		{keyed(shm, 0x52564801).owned("informix"), certain("informix")},
		{keyed(shm, 0x52594803), likely("informix")}, // SERVERNUM 3, its third segment
		{keyed(sem, 0x53554801), likely("informix")}, // SERVERNUM 255
		{keyed(shm, 0x52564901), summary{}},
		{keyed(shm, 0x53564801), summary{}},
		{keyed(msg, 0x52564801), summary{}},

		{named(pshm, "ora_ORCL_32769_12").owned("oracle"), certain("oracle")},
		{named(pshm, "ora_+ASM1_32769_0"), likely("oracle")},
		{named(pshm, "ora_notes"), summary{}},
		{keyed(shm, 0x1234).owned("oracle").perms(0o640), likely("oracle")},
		{keyed(sem, 0x1234).owned("oracle").perms(0o660).sems(154), likely("oracle")},
		{keyed(shm, 0x1234).owned("oracle").perms(0o666), summary{}},
		{keyed(shm, 0x1234).perms(0o640), summary{}},

		{keyed(shm, 0x67020304).owned("zabbix"), likely("zabbix")},
		{keyed(sem, 0x53020304).owned("zabbix"), likely("zabbix")},
		{keyed(msg, 0x78020304).owned("zabbix"), likely("zabbix")},
		{keyed(shm, 0x61020304).owned("zabbix"), summary{}},
		{keyed(shm, 0x67020304), summary{}},
		{keyed(shm, 0x670a0b0c), certain("zabbix")},
		{keyed(shm, 0x610a0b0c), summary{}},

		{keyed(sem, 0).owned("www-data"), likely("apache")},
		{keyed(sem, 0).owned("apache"), likely("apache")},
		{keyed(sem, 0).owned("nobody"), possible("apache")},
		{keyed(sem, 0), summary{}},
		{keyed(sem, 0).owned("apache").sems(2), summary{}},
		{keyed(sem, 0).owned("apache").perms(0o666), summary{}},
		{keyed(sem, 1).owned("apache"), summary{}},

		{named(psem, "zzo-sema-4242-1a2b"), pid(certain("liboauth2"), 4242)},
		{named(psem, "zzo-sema-"), summary{}},

		{named(pshm, "vader_segment.node7.1a2b0001.3"), certain("openmpi")},
		{named(pshm, "vader_segment.node7"), summary{}},
		{named(pshm, "open_mpi.0042"), certain("openmpi")},
		{named(pshm, "open_mpi.42"), summary{}},
		{named(pshm, "open_mpi.00421"), summary{}},
		{named(pshm, "open_mpi_0042"), summary{}},
		{named(pshm, "sm_segment.node7.1000.1a2b0001.3"), certain("openmpi")},
		{named(pshm, "sm_segment.node7.3"), summary{}},

		// psm_shm.UUID belongs to PSM. Python's names are psm_ and eight digits.
		{named(pshm, "psm_shm.9b2d7c1e-33aa-4b5c-8d7e-0123456789ab"), certain("psm")},
		{named(pshm, "psm3_shm.1000.1.2"), certain("psm")},
		{named(pshm, "psm_shm."), summary{}},
		{named(pshm, "psm4_shm.1"), summary{}},
		{named(pshm, "psm_9b2d7c1e"), certain("python")},
		{named(pshm, "psm_9b2d7c1"), summary{}},
		{named(pshm, "psm_9b2d7c1e0"), summary{}},
		{named(pshm, "psm_shm1.abc"), summary{}},
		{named(psem, "mp-k3_x9qab"), certain("python")},
		{named(psem, "mp-1"), likely("python")},
		{named(psem, "mp1"), summary{}},
		{named(psem, "loky-4242-abcd_123"), pid(certain("loky"), 4242)},
		{named(psem, "loky-abc"), summary{}},
		{named(pshm, "joblib_memmapping_folder_4242_9b2d_1f"), pid(certain("joblib"), 4242)},
		{named(pshm, "joblib_memmaping_pool_4242_99"), pid(certain("joblib"), 4242)},
		{named(pshm, "joblib_memmaping_other"), likely("joblib")},
		{named(pshm, "joblib_x"), summary{}},

		{named(pshm, "torch_4242_3735928559_17"), pid(certain("pytorch"), 4242)},
		{named(pshm, "torch_4242_x"), pid(likely("pytorch"), 4242)},
		{named(pshm, "torch_4194305_1_1"), certain("pytorch")}, // beyond PID_MAX_LIMIT
		{named(pshm, "torch_x"), summary{}},
		{named(pshm, "nccl-aB3dE9"), certain("nccl")},
		{named(pshm, "nccl-shm-recv-1-2-3"), likely("nccl")},
		{named(pshm, "nccl"), summary{}},
		{named(pshm, "vllm_offload_9b2d7c1e-33aa.mmap"), certain("vllm")},
		{named(pshm, "vllm_offload_.mmap"), summary{}},
		{named(pshm, "sgl_shm_mm_data_4242_9f"), pid(certain("sglang"), 4242)},
		{named(pshm, "sgl_shm_x"), summary{}},

		{named(pshm, "fastrtps_0123456789abcdef"), certain("fastdds")},
		{named(pshm, "fastdds_0123456789abcdef_el"), certain("fastdds")},
		{named(pshm, "fastrtps_port7411"), certain("fastdds")},
		{named(pshm, "fastdds_port7411_sl"), certain("fastdds")},
		{named(pshm, "fast_datasharing_01.0f.1a.2b"), certain("fastdds")},
		{named(pshm, "fastrtps_x"), likely("fastdds")},
		{named(pshm, "fastrtps"), summary{}},
		{named(psem, "fastdds_port7411_mutex"), certain("fastdds")},
		{named(psem, "any_mutex"), possible("fastdds")},
		{named(psem, "_mutex"), summary{}},

		{named(pshm, ".org.chromium.Chromium.aB3dE9"), certain("chromium")},
		{named(pshm, "snap.chromium.org.chromium.Chromium.aB3dE9"), certain("chromium")},
		{named(pshm, "snap.code..org.chromium.Chromium.aB3dE9"), certain("chromium")},
		{named(pshm, "xorg.chromium.Chromium"), summary{}},
		{named(pshm, ".com.google.Chrome.aB3dE9"), certain("chrome")},
		{named(pshm, "com.example.Chrome.x"), summary{}},
		{named(pshm, ".com.microsoft.Edge.aB3dE9"), certain("edge")},
		{named(pshm, ".com.microsoft.Word.x"), summary{}},
		{named(pshm, "org.mozilla.ipc.4242.17"), pid(certain("firefox"), 4242)},
		{named(pshm, "snap.firefox.org.mozilla.ipc.4242.17"), pid(certain("firefox"), 4242)},
		{named(pshm, "wayland.mozilla.ipc.1"), certain("firefox")},
		{named(pshm, "org.mozilla.ipc.x.1"), summary{}},
		{named(memfd, "mozilla-ipc"), likely("firefox")},
		{named(pshm, "CefRaster1"), likely("cef")},
		{named(pshm, "xCefRaster"), summary{}},

		{keyed(shm, 0).attached(2, true), possible("x11-mit-shm")},
		{keyed(shm, 0).attached(1, true), possible("x11-mit-shm")},
		{keyed(shm, 0).attached(3, true), summary{}},
		{keyed(shm, 0).attached(1, false), summary{}},
		{keyed(shm, 0).attached(2, false), summary{}},
		{keyed(shm, 0).attached(2, true).perms(0o666), summary{}},
		{keyed(shm, 7).attached(2, true), summary{}},
		{named(unix, "@/tmp/.X11-unix/X0"), certain("x11")},
		{named(unix, "/tmp/.X11-unix/"), summary{}},

		{named(pshm, "pulse-shm-2718281828"), certain("pulseaudio")},
		{named(pshm, "pulse-shm"), summary{}},
		{named(memfd, "pulseaudio"), certain("pulseaudio")},
		{named(memfd, "pulseaudio2"), summary{}},
		{named(memfd, "pipewire-memfd:flags=0x0000000f,type=2,size=8192"), certain("pipewire")},
		{named(pshm, "jack_db-1000"), certain("jack")},
		{named(pshm, "jackdb"), summary{}},
		{named(pshm, "lttng-ust-wait-8-1000"), certain("lttng")},
		{named(pshm, "lttng-ust"), summary{}},
		{named(psem, "haveged_sem"), certain("haveged")},
		{named(pshm, "haveged_sem"), summary{}},
		{named(pshm, "mono.4242"), pid(likely("mono"), 4242)},
		{named(pshm, "mono.x"), possible("mono")},
		{named(pshm, "mono"), summary{}},

		{named(pshm, "qipc_sharedmemory_app1a2b"), certain("qt")},
		{named(psem, "qipc_systemsem_app1a2b"), certain("qt")},
		{named(psem, "qipc_systemsem_"), summary{}},
		{keyed(shm, 0x511a1b1c), likely("qt")},
		{keyed(sem, 0x511a1b1c), likely("qt")},
		{keyed(sem, 0x062a2b2c), likely("qt")},
		{keyed(shm, 0x512a2b2c), summary{}},
		{keyed(msg, 0x511a1b1c), summary{}},

		{named(pshm, "libpod_lock"), summary{ID: "podman", Confidence: Certain, Protect: true}},
		{named(pshm, "libpod_rootless_lock_1000"), summary{ID: "podman", Confidence: Certain, Protect: true}},
		{named(pshm, "libpod_lock2"), summary{}},
		{named(psem, "libpod_lock"), summary{}},
		{named(pshm, "libpod_rootless_lock_"), summary{}},
		{named(fifo, "/run/systemd/inaccessible/fifo"), summary{ID: "systemd", Confidence: Certain, Protect: true}},
		{named(fifo, "/run/user/1000/systemd/inaccessible/fifo"),
			summary{ID: "systemd", Confidence: Certain, Protect: true}},
		{named(fifo, "/run/host/inaccessible/fifo"), summary{ID: "systemd", Confidence: Certain, Protect: true}},
		{named(unix, "/run/systemd/inaccessible/sock"), summary{ID: "systemd", Confidence: Certain, Protect: true}},
		{named(fifo, "/tmp/run/systemd/inaccessible/fifo"), summary{}},
		{named(unix, "/run/systemd/inaccessible/sock2"), summary{}},
		{named(fifo, "/run/initctl"), summary{ID: "initctl", Confidence: Certain, Protect: true}},
	}
}

func TestBuiltinSignatures(t *testing.T) {
	s, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	hit := map[*signature]bool{}
	missed := map[string]bool{}
	for _, c := range builtinCases() {
		m, user := s.match(&c.subject, builtinFiles)
		if diff := gocmp.Diff(c.want, summarize(m)); diff != "" || user {
			t.Errorf("%+v (-want +got):\n%s", c.subject, diff)
		}
		if m.ID != "" && (m.Name != s.apps[m.ID] || m.Why == "") {
			t.Errorf("%+v: %+v", c.subject, m)
		}
		for _, g := range s.byKind[c.subject.Kind] {
			if _, ok := g.matches(&c.subject, builtinFiles); ok {
				hit[g] = true
			} else {
				missed[g.id] = true
			}
		}
	}
	for kind, list := range s.byKind {
		for _, g := range list {
			if !hit[g] || !missed[g.id] {
				t.Errorf("no case has an object of %s (%s) that line's signature %d tells, and one that it does not",
					g.id, kind, g.order)
			}
		}
	}
}

// Unreadable owner, permissions and size are no reason for a match.
func TestSignaturesOfUnreadFiles(t *testing.T) {
	s, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	unread := func(name string) summary {
		m, _ := s.match(&Subject{Kind: schema.PShm, Name: name, Unread: true}, nil)
		return summarize(m)
	}
	if got, want := unread("PostgreSQL.1"), (summary{}); got != want {
		t.Errorf("its permissions are not known: %+v, want %+v", got, want)
	}
	if got, want := unread("nccl-aB3dE9"), (summary{ID: "nccl", Confidence: Certain}); got != want {
		t.Errorf("its name is known: %+v, want %+v", got, want)
	}
}

// The user's own signatures come before the built-in ones. They may turn off built-in ones, but never take a
// protection away.
func TestUsersSignatures(t *testing.T) {
	s, err := Read("own.yaml", strings.Join([]string{
		"off: apache",
		"signatures:",
		"- {id: cache, app: Cache, kinds: [shm, sem], confidence: possible, key: 0x1234, protect: true}",
		"- {id: ours, app: Ours, kinds: [pshm], name: '*'}",
		"- {id: nightly, app: Nightly, kinds: pshm, name_regexp: 'nightly_(?P<pid>\\d+)', protect: true, why: " +
			"the nightly job finds it again}",
		"- {id: bobs, app: Bob's, kinds: msg, owner: 1000}",
	}, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		subject Subject
		want    Match
		user    bool
	}{
		{keyed(schema.Shm, 0x1234).owned("postgres").sized(56),
			Match{ID: "cache", Name: "Cache", Confidence: Possible, Protect: true,
				Why: "it is as line 3 of own.yaml says"},
			true},
		{keyed(schema.Sem, 0).owned("apache"), Match{}, false},
		// uid 1000
		{keyed(schema.Msg, 0x77), Match{ID: "bobs", Name: "Bob's", Confidence: Likely,
			Why: "it is as line 6 of own.yaml says"}, true},
		{named(schema.PShm, "nccl-aB3dE9"),
			Match{ID: "ours", Name: "Ours", Confidence: Likely, Why: "it is as line 4 of own.yaml says"}, true},
		{named(schema.PShm, "nightly_42"),
			Match{ID: "nightly", Name: "Nightly", Confidence: Likely, Protect: true,
				Why:      "the nightly job finds it again",
				NamedPID: 42}, true},
		{named(schema.PShm, "libpod_lock"), Match{ID: "ours", Name: "Ours", Confidence: Likely, Protect: true,
			Why: "it is as line 4 of own.yaml says; it is Podman's store of locks, which nobody maps " +
				"between two commands"},
			true},
		{keyed(schema.Shm, 0).attached(2, true), Match{ID: "x11-mit-shm", Name: "X11 MIT-SHM", Confidence: Possible,
			Why: "it is private, removed and attached twice, as a picture that a client shares with its X server"},
			false},
	} {
		got, user := s.match(&c.subject, nil)
		if diff := gocmp.Diff(c.want, got); diff != "" || user != c.user {
			t.Errorf("%+v: by the user's own: %v (-want +got):\n%s", c.subject, user, diff)
		}
	}
}

func TestMistakesInSignatures(t *testing.T) {
	const good = "- id: a\n  app: A\n  kinds: [shm]\n"
	for text, want := range map[string]string{
		"- 1":                 "line 1: say fields here, each as NAME: VALUE",
		"a: 1":                `line 1: unknown field "a": say one of signatures, off`,
		"signatures:\n  a: 1": "line 2: signatures: say a list, each signature after a dash",
		"signatures:\n- 7":    "line 2: say fields here, each as NAME: VALUE",
		"off: x\n---\noff: y": "line 3: a second document: put everything into one",
		"off: [[a]]":          "line 1: off: say a word or a number",
		"signatures:\n" + good + "  key: 7\n  key: 8": "",
		"signatures:\n" + good: "line 2: a: it says nothing to tell its objects " +
			"by: add a name, key, owner or the like",
		"signatures:\n- app: A": `line 2: id: "": say a short name in small letters, digits, dots and dashes`,
		"signatures:\n- id: A b": `line 2: id: "A b": say a short name in small letters, digits, ` +
			`dots and dashes`,
		"signatures:\n- id: a\n  key: 1": "line 2: a: app is missing: say the software's name",
		"signatures:\n- id: a\n  app: A\n  key: 1": "line 2: a: kinds is missing: say which kinds of " +
			"objects it is of, for example [shm, sem]",
		"signatures:\n- id: a\n  app: A\n  kinds: [shm, pipe]": `line 4: kinds: "pipe" has no signatures: say some ` +
			`of [msg sem shm pmsg psem pshm memfd fifo unix]`,
		"signatures:\n" + good + "  confidence: sure": "line 5: confidence: say certain, likely or " +
			"possible",
		"signatures:\n" + good + "  protect: maybe": "line 5: protect: say true or false",
		"signatures:\n" + good + "  key: 0x100000000": `line 5: key: "0x100000000" is no number from ` +
			`0 to 0xffffffff`,
		"signatures:\n" + good + "  key_range: 5..4": `line 5: key_range: "5..4" is no range: say FROM..TO`,
		"signatures:\n" + good + "  key_range: 0x7100-0x71ff": `line 5: key_range: "0x7100-0x71ff": write a range ` +
			`with two dots: 0x7100..0x71ff`,
		"signatures:\n" + good + "  key_range: 5 to 7": `line 5: key_range: "5 to 7" is no number from 0 to ` +
			`0xffffffffffffffff, nor a range: say FROM..TO`,
		"signatures:\n" + good + "  key_range: ..": `line 5: key_range: ".." is no range: say FROM..TO`,
		"signatures:\n" + good + "  key_range: 5..": "line 5: key_range: a System V key has 32 bits: " +
			"say FROM..TO",
		"signatures:\n" + good + "  key_mask: 0xff00": `line 5: key_mask: "0xff00": say MASK = BITS, ` +
			`for example 0xff00 = 0x4800`,
		"signatures:\n" + good + "  key_mask: 0xff00 = 0x48": `line 5: key_mask: "0xff00 = 0x48": the bits have to ` +
			`lie within the mask`,
		"signatures:\n" + good + "  key_top_byte: [a, bc]": `line 5: key_top_byte: "bc" is no number from 0 to 0xff`,
		"signatures:\n" + good + "  ftok_of: /a*/b": `line 5: ftok_of: "/a*/b": say an absolute path, ` +
			`with *, ? or [a-z] in its last part only`,
		"signatures:\n" + good + "  ftok_of: [b]": `line 5: ftok_of: "b": say an absolute path, with *, ? or [a-z] ` +
			`in its last part only`,
		"signatures:\n" + good + "  perms: 0888": `line 5: perms: "0888" are no permissions: say 0600 or the like`,
		"signatures:\n" + good + "  size: 5K": `line 5: size: "5K" is no number from 0 to 0xffffffffffffffff, ` +
			`nor a range: say FROM..TO`,
		"signatures:\n" + good + "  owner: []": "line 5: owner: say at least one",
		"signatures:\n" + good + "  dest: 1":   "line 5: dest: say true or false",
		"signatures:\n" + good + "  nsems: 3": "line 2: a: only sem has nsems: take the others " +
			"out of kinds, or the condition away",
		"signatures:\n" + good + "  name: x*": "line 2: a: msg, sem and shm have no names: take " +
			"the others out of kinds, or the condition away",
		"signatures:\n- {id: a, app: A, kinds: pshm, name: '[a'}": `line 2: name: "[a" is no pattern: say a name ` +
			`with *, ? or [a-z] in it`,
		"signatures:\n- {id: a, app: A, kinds: pshm, name_regexp: 'a('}": "line 2: name_regexp: \"a(\" is no regular " +
			"expression (https://pkg.go.dev/regexp/syntax): error parsing regexp: missing closing ): `a(`",
		"signatures:\n- {id: a, app: A, kinds: pshm, key: 3}": "line 2: a: only msg, sem and shm have keys: take " +
			"the others out of kinds, or the condition away",
		"signatures:\n- {id: a, app: A, kinds: [sem, shm], nattch: 0}": "line 2: a: only shm has nattch and dest: " +
			"take the others out of kinds, or the condition away",
		"signatures:\n- {id: a, app: A, kinds: unix, perms: 0600}": "line 2: a: unix has no perms: take the others " +
			"out of kinds, or the condition away",
		"signatures:\n- {id: a, app: A, kinds: sem, size: 3}": "line 2: a: only shm, pshm and memfd have a size: " +
			"take the others out of kinds, or the condition away",
	} {
		_, err := Read("own.yaml", text)
		if want == "" {
			if err == nil {
				t.Errorf("%s: no mistake", text)
			}
			continue
		}
		if err == nil || err.Error() != "own.yaml: "+want {
			t.Errorf("%s\n got %v\nwant own.yaml: %s", text, err, want)
		}
	}
}

// Each file is read or refused with a line number. Signatures from a file can be matched.
func FuzzReadSignatures(f *testing.F) {
	f.Add("off: [apache]\nsignatures:\n  - id: a\n    app: A\n    kinds: [shm]\n    key_range: 1..0x20\n" +
		"    dest: true\n")
	f.Add("signatures: [{id: a, app: A, kinds: psem, name_regexp: 'x(?P<pid>[0-9]+)|y', owner: [bob, 7], " +
		"perms: 0o600}]")
	f.Add("signatures:\n- &x {id: a}\n- *x\n- <<: *x\n---\n...\n? a\n: |\n  b\n")
	subjects := []Subject{keyed(schema.Shm, 7), named(schema.PSem, "x42"), {Kind: schema.PShm, Unread: true}}
	f.Fuzz(func(t *testing.T, text string) {
		list, _, err := parse("own.yaml", text)
		if err != nil {
			mistake, ok := err.(*Mistake)
			if !ok || mistake.Line < 1 || mistake.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+2 ||
				mistake.Says == "" {
				t.Fatalf("%#v", err)
			}
			return
		}
		s := newSignatures(list)
		for _, subject := range subjects {
			if m, _ := s.match(&subject, nil); m.ID != "" &&
				(m.Name == "" || m.Why == "" || !slices.Contains(confidences(), m.Confidence)) {
				t.Fatalf("%+v", m)
			}
		}
	})
}

func BenchmarkSignatures(b *testing.B) {
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if _, err := Builtin(); err != nil {
				b.Fatal(err)
			}
		}
	})
	s, err := Builtin()
	if err != nil {
		b.Fatal(err)
	}
	for _, subject := range []Subject{keyed(schema.Sem, 7), keyed(schema.Shm, 7), named(schema.PShm, "psm_9b2d7c1e"),
		named(schema.PShm, "of no software")} {
		b.Run(fmt.Sprintf("match/%s", subject.Kind), func(b *testing.B) {
			for b.Loop() {
				s.match(&subject, nil)
			}
		})
	}
}
