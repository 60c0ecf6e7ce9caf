package main

import (
	"context"

	"github.com/spf13/cobra"
)

// uiFlags are those of the dashboard.
type uiFlags struct{}

func (f *uiFlags) register(*cobra.Command) {}

// runUI opens the dashboard.
func runUI(context.Context, uiFlags) error {
	return usageErrorf("the dashboard needs a terminal: use --once")
}
