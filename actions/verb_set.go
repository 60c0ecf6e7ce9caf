package actions

import (
	"fmt"
	"strings"

	"github.com/ipctop/ipctop/collect/schema"
)

func setVerb() Verb {
	return Verb{
		Name: "set", Title: "Set", Done: "changed",
		Short: "Change owner, group, permissions, capacity, semaphore values or the lock in memory",
		Long: "Change objects (msg, sem, shm; pmsg, psem, pshm). NAME=VALUE stands before or after the REFs, " +
			"once or more:\n" + settingsHelp() +
			"The plan says what each value was. It names the threads that a new semaphore value wakes, and who " +
			"loses data. The kernel forgets the\n" +
			"SEM_UNDO adjustments of a semaphore that is set. A change of a System V object changes its ctime.\n",
		Example: `  ipctop set shm:32769 owner=postgres perms=0640
  ipctop set msg:3 qbytes=8K
  ipctop set sem:5 'sval[2]=1'
  ipctop set perms=0600 --where 'kind == "pshm" and owner == "bob"'`,
		Keys: "e",
		Hint: func(schema.Kind, bool) string {
			return "set owner, permissions or values of the object, or of the marked ones: shows a plan and asks"
		},
		Kinds:   Settable,
		Saves:   true,
		Instead: insteadOfSetting,
		Begin:   beginSet,
	}
}

func settingsHelp() string {
	var b strings.Builder
	for _, x := range settings() {
		var kinds []string
		for _, k := range x.kinds {
			kinds = append(kinds, string(k))
		}
		fmt.Fprintf(&b, "  %-7s %s (%s)\n", x.name, x.help, strings.Join(kinds, ", "))
	}
	return b.String()
}

func beginSet() *Use {
	var to *Settings
	return &Use{
		Takes: []Option{{
			Name: "setting", Word: "NAME=VALUE", Default: "perms=0600", Title: "Set", Is: IsSetting,
			Set: func(text string) (err error) {
				to, err = ParseSettings(text)
				return err
			},
		}},
		Plan: func(p *Planner, refs []schema.Ref) (*Plan, error) { return p.Set(to, refs) },
		Targets: func(_ []schema.Ref, objects string) string {
			return "of " + objects + "; names are " + settingNames()
		},
	}
}
