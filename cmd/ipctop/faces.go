package main

import (
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipctop/ipctop/actions"
	"github.com/ipctop/ipctop/cmd/ipctop/utillinux"
	"github.com/ipctop/ipctop/collect/kernel"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

// runFace answers as util-linux's ipcs, ipcrm, ipcmk or lsipc, if the arguments name one of them. Otherwise ok is
// false.
func runFace(args []string, stdout, stderr io.Writer, getenv func(string) string) (code int, ok bool) {
	return utillinux.Run(utillinux.Process{
		Args: args, Stdout: stdout, Stderr: stderr, Getenv: getenv, Version: version,
		Terminal: func() (int, bool) { return sys.TerminalColumns(os.Stdout.Fd()) },
		Changes: func(host *kernel.Host, argv []string) utillinux.Changes {
			journal := func() *actions.Journal { return actions.NewJournal(host, argv, getenv, time.Now) }
			return actions.NewDirect(host, journal, actions.ReadOnly(getenv))
		},
	})
}

// newFaceCmds puts the faces into the help. main runs a face before it builds the commands of cobra. So a command line
// that comes here has a flag of ipctop before the name. Of these flags a face understands only --read-only.
func newFaceCmds() []*cobra.Command {
	var cmds []*cobra.Command
	for _, face := range utillinux.Faces() {
		cmds = append(cmds, &cobra.Command{
			Use:                face.Name + " [options]",
			Short:              face.Short,
			DisableFlagParsing: true, // cobra then passes the flags before the name, too
			RunE: func(cmd *cobra.Command, args []string) error {
				getenv := os.Getenv
				if len(args) > 0 && args[0] == "--read-only" {
					args, getenv = args[1:], readOnlyEnv
				}
				if code, _ := runFace(append([]string{face.Name}, args...), cmd.OutOrStdout(), cmd.ErrOrStderr(),
					getenv); code != 0 {
					return &exitError{code: code}
				}
				return nil
			},
		})
	}
	return cmds
}

func readOnlyEnv(name string) string {
	if name == actions.ReadOnlyVariable {
		return "1"
	}
	return os.Getenv(name)
}
