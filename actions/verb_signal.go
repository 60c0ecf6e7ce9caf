package actions

import (
	"fmt"
	"slices"

	"github.com/ipctop/ipctop/collect/schema"
)

func signalVerb() Verb {
	return Verb{
		Name: "signal", Title: "Signal", Done: "signalled",
		Short: "Signal processes, or those at an object, or those that could end a wait",
		Long: "Send a signal to processes: those that REFs name (proc:4242; wait:4250 is a thread's process), " +
			"and those at other objects that REFs name\n" +
			"(pipe:8841, shm:5): --to says which. --to enders means those that could end a wait (wait:4250), " +
			"or the waits for an object, as far as\n" +
			"they are known to have its object; the plan says why each could. SIG is a name or number: TERM, " +
			"SIGTERM, 15, RTMIN+3. Each process is held\n" +
			"open from the plan to the signal: a pid that was used again meanwhile is not signalled, " +
			"nor is a process that runs another program by\n" +
			"then. Pid 1, kernel threads, zombies and ipctop itself are refused; " +
			"for one of ipctop's own ancestors, such as your\n" +
			"shell, the pid has to be typed. --where looks at processes, without kernel threads and ipctop itself.\n" +
			"\n" +
			"--to container and --to unit mean all processes in the container or systemd unit of a process. " +
			"--container NAME and --unit NAME mean all processes of a container or systemd unit, " +
			"as the columns of these names show them, but\n" +
			"not those that started ipctop. What has left it before the signal gets none.\n" +
			"\n" +
			"--then KILL sends a second signal to the processes that have not ended --after some time (10s). " +
			"It goes only to a process that still\n" +
			"runs the same program for the same reason. When all have ended, the wait is over.\n",
		Example: `  ipctop signal TERM proc:4242
  ipctop signal TERM --then KILL --after 10s proc:4242
  ipctop signal KILL --to readers pipe:8841
  ipctop signal TERM --to enders wait:4250
  ipctop signal TERM --then KILL --container web
  ipctop signal STOP --where 'user == "bob" and pcpu > 90'`,
		Keys: "F9 k",
		Hint: func(k schema.Kind, marks bool) string {
			switch {
			case marks && hasSides(k):
				return "signal the processes at the object, or at the marked ones: all signals to choose " +
					"from, then a plan"
			case marks:
				return "signal the process, or the marked ones: all signals to choose from, then a plan"
			case hasSides(k):
				return "signal the processes at this object"
			}
			return "signal this process"
		},
		Rows:   true,
		Chosen: func(k schema.Kind) bool { return k == schema.Proc },
		Begin:  beginSignal,
	}
}

// hasSides is true for objects that processes use. A process has no sides; nor has a wait, which stands for a process.
func hasSides(k schema.Kind) bool { return k != schema.Proc && k != schema.Wait }

func beginSignal() *Use {
	var sig Signal
	then := Then{After: thenAfter}
	to := Holders
	var groups []Members
	return &Use{
		Takes: []Option{signalOption(&sig), sideOption(&to), thenOption(&then), afterOption(&then),
			membersOption(&groups, "container"), membersOption(&groups, "unit")},
		Plan: func(p *Planner, refs []schema.Ref) (*Plan, error) {
			switch {
			case to.inGroup():
				return p.signalMembersOf(sig, then, refs, to)
			case len(groups) > 0:
				return p.SignalMembers(sig, then, groups, refs, to)
			}
			return p.SignalThen(sig, then, refs, to)
		},
		Targets: func(refs []schema.Ref, objects string) string {
			says := "to " + objects
			if slices.ContainsFunc(refs, func(r schema.Ref) bool { return r.Kind != schema.Proc }) {
				says = "to the " + string(to) + " of " + objects
			} else if to.inGroup() {
				says = "to all processes in the " + string(to) + " of " + objects
			}
			if then.asked() {
				says += fmt.Sprintf(", then %s after %s", then.Signal, then.After)
			}
			return says
		},
	}
}

func signalOption(sig *Signal) Option {
	o := Option{
		Name: "signal", Word: "SIG", List: "list all signals and what they do",
		Default: "TERM", Title: "Signal to send",
		Set: func(text string) (err error) {
			*sig, err = ParseSignal(text)
			return err
		},
	}
	for _, s := range Signals() {
		o.Choices = append(o.Choices, Choice{Value: s.Name, Number: int(s.Number), Label: s.String(), Says: s.Says})
	}
	return o
}

func sideOption(to *Side) Option {
	o := Option{
		Name: "to", Help: "which processes of an object or of a wait",
		Default: string(Holders), Title: "To whom", Key: "Tab", Hint: "choose which processes at the object are meant",
		Set: func(text string) (err error) {
			*to, err = parseSide(text)
			return err
		},
		Of:     func(schema.Kind) bool { return true },
		Strict: func(k schema.Kind) bool { return !hasSides(k) },
		Idle: "--to says which processes of an object, and only processes are named here: leave it out, " +
			"or name the object (pipe:8841)",
	}
	for _, s := range Sides() {
		c := Choice{Value: string(s), Of: s.of}
		if s.inGroup() {
			c.Label = "its " + string(s)
		}
		o.Choices = append(o.Choices, c)
	}
	return o
}
