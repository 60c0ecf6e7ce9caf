package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipctop/ipctop/collect"
	"github.com/ipctop/ipctop/collect/ftok"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sys"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// foundKey is the JSON document of a search for the file of a key.
type foundKey struct {
	Version    int         `json:"schema_version"`
	Key        string      `json:"key"`
	Project    project     `json:"project"`
	Objects    []string    `json:"objects"` // refs of the objects that have the key
	Owners     []string    `json:"owners"`  // users whose processes were searched; null: all users
	Files      []keyFile   `json:"files"`
	PostgreSQL []string    `json:"postgresql"` // data directories with the key as inode number
	Processes  int         `json:"processes"`  // number of processes that were read
	Refused    int         `json:"refused"`    // number of processes that could not be read
	Tried      int         `json:"tried"`      // number of files
	Alike      int         `json:"alike"`      // number of these files on a device with the key's bits
	Passed     int         `json:"passed"`     // number of paths on network and FUSE mounts, not read
	Faults     []faultJSON `json:"faults"`
}

type keyFile struct {
	Path   string       `json:"path"`
	Device string       `json:"device"`
	Inode  uint64       `json:"inode"`
	Known  []keyFileUse `json:"known"`
}

type keyFileUse struct {
	PID  int    `json:"pid"`
	Comm string `json:"comm"`
	How  string `json:"how"`
}

type faultJSON struct {
	Source string `json:"source"`
	Says   string `json:"says"`
	Denied bool   `json:"denied"`
}

// runKeyBack looks for the file of a key.
func runKeyBack(cmd *cobra.Command, output, text string) error {
	n, err := strconv.ParseUint(text, 0, 32)
	switch {
	case err != nil:
		return usageErrorf("a System V key has 32 bits, %s does not fit", text)
	case n == 0:
		return usageErrorf("key 0 is IPC_PRIVATE, which no file gives")
	}
	host, err := kernel.Open("")
	if err != nil {
		return err
	}
	source, err := sourceSetting(os.Getenv)
	if err != nil {
		return err
	}
	found := collect.New(host, time.Now, source).FindKey(uint32(n))
	if output == "json" {
		err = writeJSON(cmd.OutOrStdout(), keyDocument(found))
	} else {
		err = writeKeySearch(cmd.OutOrStdout(), found)
		for _, fault := range found.Faults {
			fmt.Fprintf(cmd.ErrOrStderr(), "ipctop: %s: %s\n", fault.Source, views.Visible(fault.Says))
		}
	}
	if err == nil && len(found.Files) == 0 && len(found.Clusters) == 0 {
		return &exitError{code: exitFailed}
	}
	return err
}

func keyDocument(s *ftok.Search) foundKey {
	doc := foundKey{Version: 1, Key: formatKey(s.Key), Project: newProject(s.Project()), Objects: refNames(s.Objects),
		Owners: s.Owners, Files: []keyFile{},
		PostgreSQL: append([]string{}, s.Clusters...), Processes: s.Processes, Refused: s.Refused, Tried: s.Tried,
		Alike: s.Alike, Passed: s.Skipped, Faults: []faultJSON{}}
	for _, file := range s.Files {
		k := keyFile{Path: file.Path, Device: schema.FormatDev(file.Dev), Inode: file.Ino}
		for _, u := range file.Known {
			k.Known = append(k.Known, keyFileUse(u))
		}
		doc.Files = append(doc.Files, k)
	}
	for _, f := range s.Faults {
		doc.Faults = append(doc.Faults, faultJSON{f.Source, f.Says, f.Denied})
	}
	return doc
}

// usersShown is the largest number of processes on the line of a file.
const usersShown = 4

func writeKeySearch(w io.Writer, s *ftok.Search) error {
	lines := []string{
		fmt.Sprintf("%s  project id %s, of the device 0x%02x, of the inode 0x%04x", formatKey(s.Key),
			ftok.FormatProject(s.Project()), byte(s.Key>>16), uint16(s.Key)),
		havingKey(refNames(s.Objects), s.Owners),
	}
	for _, file := range s.Files {
		lines = append(lines, fmt.Sprintf("%s  project id %s, device %s, inode %d: %s", file.Path,
			ftok.FormatProject(s.Project()), schema.FormatDev(file.Dev), file.Ino, knownBy(file.Known)))
	}
	for _, dir := range s.Clusters {
		lines = append(lines, dir+"  is a data directory of PostgreSQL, which makes this key of the inode number as "+
			"it is, not by ftok")
	}
	return writeLines(w, append(lines, whereLooked(s)...))
}

func knownBy(uses []ftok.FileUse) string {
	var words []string
	for i, u := range uses {
		if i == usersShown {
			words = append(words, fmt.Sprintf("%d others", len(uses)-i))
			break
		}
		words = append(words, fmt.Sprintf("%s of %d/%s", u.How, u.PID, u.Comm))
	}
	return strings.Join(words, ", ")
}

// whereLooked gives lines about the read files, the refused files, and the value of a match as proof.
func whereLooked(s *ftok.Search) []string {
	whose := "all users"
	if len(s.Owners) > 0 {
		whose = strings.Join(s.Owners, ", ")
	}
	found := "none gives this key"
	if len(s.Files) == 1 {
		found = "one gives this key"
	} else if len(s.Files) > 1 {
		found = fmt.Sprintf("%d give this key", len(s.Files))
	}
	lines := []string{fmt.Sprintf("looked at %s that %s of %s %s: %s", schema.Counted(s.Tried, "file"),
		schema.Counted(s.Processes, "process"), whose, schema.Plural(s.Processes, "knows", "know"), found)}
	if len(s.Files) > 0 {
		lines = append(lines, fmt.Sprintf("it may be chance: of a device's files one in 65536 gives the key, "+
			"and of such a device %d %s looked at", s.Alike, schema.Plural(s.Alike, "was", "were")))
	}
	if s.Refused > 0 {
		lines = append(lines, fmt.Sprintf("%s of %s could not be looked into (permission denied)%s",
			schema.Counted(s.Refused, "process"), whose, advice()))
	}
	if s.Skipped > 0 {
		lines = append(lines, fmt.Sprintf("%s on network or FUSE mounts not looked at, where a dead server "+
			"would hang the look", schema.Counted(s.Skipped, "path")))
	}
	return lines
}

// advice says what helps against missing rights.
func advice() string {
	if sys.EffectiveUID() == 0 {
		return ": a security module, a user namespace or a missing capability keeps them from root"
	}
	return ": root sees all"
}
