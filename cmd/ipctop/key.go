package main

import (
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ipctop/ipctop/collect/ftok"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sysv"
	"github.com/ipctop/ipctop/collect/kernel/vfs"
	"github.com/ipctop/ipctop/collect/schema"
	"github.com/ipctop/ipctop/views"
)

// usualProject is the project id if the command line has none.
const usualProject = 1

// keyForm matches a key. For a file with such a name, people write ./0x66.
const keyForm = `^0[xX][0-9a-fA-F]+$`

// newKeyCmd makes "ipctop key".
func newKeyCmd() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "key [-o text|json] PATH [PROJ] | key 0xKEY",
		Short: "Make a System V key of a file as ftok does, or find the file that a key was made of",
		Long: "Make the System V key that ftok(3) makes of a file and a project id, and say which objects have it. " +
			"PROJ is a number (65, 0x41) or a character\n" +
			"(A); 1 if it is not said. Of it only the low 8 bits count, of the file the low 8 of its device's and " +
			"the low 16 of its inode's number.\n" +
			"\n" +
			"The other way round, key 0xKEY names the files that give the key, with the project id: " +
			"among the working directories, programs, open and\n" +
			"mapped files, arguments and configuration of living processes, those of the owner of the object that " +
			"has the key, or everybody's where\n" +
			"there is none. Other files can give the same key by chance: it says how many were tried.\n" +
			"\n" +
			"Exit codes: 0 done; 1 no such file, or no file found that gives the key.",
		Example: `  ipctop key /etc/app.conf f
  ipctop key 0x6602b303`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkTextOrJSON(output); err != nil {
				return err
			}
			switch {
			case len(args) == 1 && regexp.MustCompile(keyForm).MatchString(args[0]):
				return runKeyBack(cmd, output, args[0])
			case len(args) == 1 || len(args) == 2:
				return runKey(cmd, output, args)
			}
			return usageErrorf("key takes a PATH and a PROJ, or a key such as 0x6602b303: see ipctop key --help")
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

// checkTextOrJSON refuses every value of --output except text and json.
func checkTextOrJSON(output string) error {
	if output != "text" && output != "json" {
		return usageErrorf("unknown output %q: did you mean %s?", views.Visible(output),
			views.Nearest(output, []string{"text", "json"}))
	}
	return nil
}

// madeKey is the JSON document of a key that was made from a file.
type madeKey struct {
	Version int      `json:"schema_version"`
	Key     string   `json:"key"`
	Path    string   `json:"path"`
	Project project  `json:"project"`
	Device  string   `json:"device"` // major:minor
	Inode   uint64   `json:"inode"`
	Objects []string `json:"objects"` // that have the key now
}

// project is a project id: its number and, if it is printable, its character.
type project struct {
	Number byte   `json:"number"`
	Char   string `json:"char,omitempty"`
}

func newProject(proj byte) project {
	p := project{Number: proj}
	if proj > ' ' && proj <= '~' {
		p.Char = string(rune(proj))
	}
	return p
}

func formatKey(key uint32) string { return fmt.Sprintf("0x%08x", key) }

// parseProject reads a project id. note explains the result of ftok if the id does not fit 8 bits, or if its low 8 bits
// are 0.
func parseProject(text string) (proj byte, note string, err error) {
	if len(text) == 1 && (text[0] < '0' || text[0] > '9') {
		return text[0], "", nil
	}
	if len(text) == 3 && text[0] == '\'' && text[2] == '\'' {
		return text[1], "", nil
	}
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil || n < math.MinInt32 || n > math.MaxUint32 { // ftok takes an int
		return 0, "", usageErrorf("%q is no project id: say a number from 1 to 255 or a character", views.Visible(text))
	}
	proj = byte(n)
	switch {
	case proj == 0:
		note = fmt.Sprintf("the low 8 bits of %s are 0: POSIX leaves open what ftok does then; "+
			"this is what glibc makes",
			text)
	case n < 0 || n > 255:
		note = fmt.Sprintf("of %s only the low 8 bits count: %d", text, proj)
	}
	return proj, note, nil
}

// runKey makes a key from a file and prints it.
func runKey(cmd *cobra.Command, output string, args []string) error {
	proj, note := byte(usualProject), ""
	if len(args) == 2 {
		var err error
		if proj, note, err = parseProject(args[1]); err != nil {
			return err
		}
	}
	file, err := vfs.StatFile(args[0])
	if err != nil {
		if n, bad := strconv.ParseInt(args[0], 10, 64); bad == nil && len(args) == 1 && n == int64(int32(n)) {
			return fmt.Errorf("%w: the key %d is written %s", err, n, formatKey(uint32(n)))
		}
		return err
	}
	host, err := kernel.Open("")
	if err != nil {
		return err
	}
	key := sysv.Ftok(file.Dev, file.Ino, proj)
	objects, _, err := ftok.Objects(host, key)
	if err != nil {
		return err
	}
	made := madeKey{Version: 1, Key: formatKey(key), Path: args[0], Project: newProject(proj),
		Device: schema.FormatDev(file.Dev), Inode: file.Ino, Objects: refNames(objects)}
	if note != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "ipctop: note:", views.Visible(note))
	}
	if output == "json" {
		return writeJSON(cmd.OutOrStdout(), made)
	}
	return writeLines(cmd.OutOrStdout(), []string{
		fmt.Sprintf("%s  %s, project id %s, device %s, inode %d", made.Key, made.Path, ftok.FormatProject(proj),
			made.Device, made.Inode),
		havingKey(made.Objects, nil),
	})
}

func refNames(refs []schema.Ref) []string {
	names := make([]string, len(refs))
	for i, r := range refs {
		names[i] = r.String()
	}
	return names
}

// havingKey says in a sentence which objects have the key.
func havingKey(objects, owners []string) string {
	switch {
	case len(objects) == 0:
		return "no object has this key now"
	case len(owners) == 0:
		return "it is the key of " + strings.Join(objects, ", ")
	}
	return fmt.Sprintf("it is the key of %s, of %s", strings.Join(objects, ", "), strings.Join(owners, ", "))
}

// writeLines writes texts that a terminal can show safely, each as one line.
func writeLines(w io.Writer, lines []string) error {
	for _, line := range lines {
		if _, err := fmt.Fprintln(w, views.Visible(line)); err != nil {
			return fmt.Errorf("standard output: %w", err)
		}
	}
	return nil
}

// writeJSON writes a document in one line.
func writeJSON(w io.Writer, doc any) error {
	if err := views.WriteJSON(w, doc, ""); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}
