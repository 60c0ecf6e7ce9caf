// Command ipctop shows the inter-process communication objects of a Linux machine.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/ipctop/ipctop/demo"
	"github.com/spf13/cobra"
)

// Exit codes that scripts rely on; 0 is done.
const (
	exitFailed = 1
	exitUsage  = 2
	exitPartly = 3
)

// exitError ends the program with a code; err is nil if everything was said already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func main() {
	if code, ok := demo.Worker(os.Args); ok {
		os.Exit(code)
	}
	os.Exit(run())
}

func run() int {
	root := &cobra.Command{Use: "ipctop", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(newDemoCmd(nil))
	err := root.Execute()
	if err == nil {
		return 0
	}
	code := exitFailed
	var exit *exitError
	if errors.As(err, &exit) {
		code = exit.code
		if exit.err == nil {
			return code
		}
	}
	fmt.Fprintln(os.Stderr, "ipctop:", err)
	return code
}
