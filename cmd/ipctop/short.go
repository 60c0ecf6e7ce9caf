package main

import "github.com/spf13/cobra"

// newShortCmd is a subcommand that is short for ipctop --once WORD.
func newShortCmd(word, short, long, example string) *cobra.Command {
	var f onceFlags
	cmd := &cobra.Command{
		Use: word, Short: short, Long: long, Example: example,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runOnce(cmd, f, []string{word}) },
	}
	f.registerOnce(cmd)
	return cmd
}
