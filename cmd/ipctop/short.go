package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ipctop/ipctop/views"
)

// newShortCmd makes a subcommand that is short for ipctop --once WORD.
// more registers flags of its own, if there are any.
func newShortCmd(word, short, long, example string, more ...func(*pflag.FlagSet, *onceFlags)) *cobra.Command {
	var f onceFlags
	cmd := &cobra.Command{
		Use: word, Short: short, Long: long, Example: example,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageErrorf("%s takes no argument, but got %q: --where chooses among them", word,
					views.Visible(args[0]))
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command,
			args []string) error {
			return runOnce(cmd, f, append([]string{word}, args...))
		},
	}
	f.registerOnce(cmd)
	for _, register := range more {
		register(cmd.Flags(), &f)
	}
	// "ipctop --once WORD" also runs this command, because cobra finds the name of the command in any place.
	cmd.Flags().Bool("once", true, "")
	_ = cmd.Flags().MarkHidden("once") // an error would mean that the flag does not exist
	return cmd
}
