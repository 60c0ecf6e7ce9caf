package actions

import (
	"fmt"
	"time"
)

// thenAfter is the time before a second signal, unless --after says another one.
const thenAfter = 10 * time.Second

// thenOption is the second signal. The dashboard's key offers SIGKILL.
func thenOption(then *Then) Option {
	return Option{
		Name: "then", Help: "a second signal, to the processes that have not ended by then (see --after)",
		Title: "Then", Key: "Ctrl-K", Hint: "send SIGKILL to those that stay, or do not", Free: true,
		Choices: []Choice{{Label: "nothing more"}, {Value: "KILL", Label: "then SIGKILL"}},
		Set: func(text string) (err error) {
			if text == "" {
				then.Signal = Signal{}
				return nil
			}
			then.Signal, err = ParseSignal(text)
			return err
		},
	}
}

func afterOption(then *Then) Option {
	return Option{
		Name: "after", Help: "how long --then waits for the end of the processes: 10s, 1m30s",
		Default: thenAfter.String(), Title: "After", Free: true, With: "then",
		Set: func(text string) (err error) {
			if then.After, err = time.ParseDuration(text); err != nil || then.After < 0 {
				return fmt.Errorf("%q is no time to wait: say for example 10s or 1m30s", text)
			}
			return nil
		},
	}
}
