package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/collecttest"
	"github.com/ipctop/ipctop/collect/kernel"
)

func TestSignaturesPath(t *testing.T) {
	t.Parallel()
	own := t.TempDir()
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"XDG_CONFIG_HOME": "/x/config", "HOME": own}, "/x/config/ipctop/signatures.yaml"},
		{map[string]string{"HOME": own}, own + "/.config/ipctop/signatures.yaml"},
		{map[string]string{"HOME": own, "XDG_CONFIG_HOME": "relative"}, own + "/.config/ipctop/signatures.yaml"},
	} {
		if got, _ := signaturesPath(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%v: %q, want %q", c.env, got, c.want)
		}
	}
}

// Root does not follow the settings of another user: neither by a HOME that sudo has kept, nor in a file of that user.
func TestSignaturesOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make files of another user")
	}
	home := t.TempDir()
	path := filepath.Join(home, ".config/ipctop/signatures.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("off: [apache]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{home, path} {
		if err := os.Chown(p, 1000, 1000); err != nil {
			t.Fatal(err)
		}
	}
	env := func(name string) string { return map[string]string{"HOME": home}[name] }
	if got, _ := signaturesPath(env); strings.HasPrefix(got, home) {
		t.Errorf("%q is another user's", got)
	}
	env = func(name string) string { return map[string]string{"XDG_CONFIG_HOME": home + "/.config"}[name] }
	want := fmt.Sprintf("%s: it belongs to uid 1000: give it to the user who runs ipctop, or set XDG_CONFIG_HOME to "+
		"another directory", path)
	if _, err := readSettings(env); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// A user without a home directory of its own, such as uid 0 of a user namespace, works without settings. In a home
// directory of its own, the same file is an error.
func TestSettingsInAnothersHome(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make files of another user")
	}
	home := t.TempDir()
	path := filepath.Join(home, "signatures.yaml")
	if err := os.WriteFile(path, []byte("off: [apache]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 1000, 1000); err != nil {
		t.Fatal(err)
	}
	if s, err := settingsOf(path, home); err == nil {
		t.Errorf("%d settings of another user's file", len(s))
	}
	if err := os.Chown(home, 1000, 1000); err != nil {
		t.Fatal(err)
	}
	settings, err := settingsOf(path, home)
	if err != nil {
		t.Fatal(err)
	}
	host, err := kernel.Open(collecttest.New(t).Root)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{fmt.Sprintf("no settings: %s: it belongs to uid 1000: give it to the user who runs ipctop, "+
		"or set XDG_CONFIG_HOME to another directory (the home directory %s is another user's)", path, home)}
	got := collect.New(host, time.Now, settings...).Take(collect.Request{}).Notes
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A wrong file of settings ends only the commands that read it: see the README.
func TestFaultySignatures(t *testing.T) {
	config := t.TempDir()
	path := filepath.Join(config, "ipctop/signatures.yaml")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("signatures:\n  - id: a\n    key_range: 0x7100-0x71ff\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CONFIG_HOME", config)
	want := commandOutput{exitUsage, "", "ipctop: " + path +
		`: line 3: key_range: "0x7100-0x71ff": write a range with two dots: 0x7100..0x71ff` + "\n"}
	for _, line := range []string{"--once sem", "waits", "leaks sem", "doctor", "rm --dry-run --where true",
		"signal --dry-run TERM --where true"} {
		if diff := cmp.Diff(want, ipctop(strings.Fields(line)...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
	for _, line := range []string{"graph --root " + collecttest.New(t).Root, "peek msg:2147483647", "key 0x1",
		"--list-columns sem"} {
		if got := ipctop(strings.Fields(line)...); strings.Contains(got.Stderr, path) {
			t.Errorf("%s: %+v", line, got)
		}
	}
}
