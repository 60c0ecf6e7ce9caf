// Command ipcs answers the command lines of util-linux's ipcs and lsipc, as ipctop does. It is a program of its own for
// scripts that run ipcs in loops: a run with nothing to list is over after the start. The dashboard and its libraries
// make the start of ipctop twice as long.
//
// By the name lsipc (a link) it is lsipc. It cannot change the machine: ipcrm and ipcmk are links to ipctop.
package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/ipctop/ipctop/cmd/ipctop/utillinux"
	"github.com/ipctop/ipctop/collect/kernel/sys"
)

func main() {
	code, ok := utillinux.Run(utillinux.Process{
		Args: os.Args, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Version: version,
		Terminal: func() (int, bool) { return sys.TerminalColumns(os.Stdout.Fd()) },
	})
	if !ok {
		fmt.Fprintln(os.Stderr, "ipcs: this program is ipcs, and by a link of that name lsipc: for all else see ipctop")
		code = 2
	}
	os.Exit(code)
}

// version gives the version of the module in the binary. It is "(devel)" for a build from a work tree.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
