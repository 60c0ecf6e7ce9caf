package actions

import "github.com/ipctop/ipctop/collect/schema"

func closeVerb() Verb {
	return Verb{
		Name: "close", Title: "Close", Done: "closed",
		Short: "End TCP and UDP connections and listeners",
		Long: "End sockets of kind inet, as if the network had failed (SOCK_DESTROY, like ss -K). " +
			"The processes keep their descriptors and get errors.\n" +
			"It needs root (CAP_NET_ADMIN). The kernel compares the socket's cookie: no other socket with the " +
			"same addresses is closed.\n" +
			"For other kinds, and for an ordinary user, the refusal names what ends them.\n",
		Example: `  ipctop close inet:81234
  ipctop close --dry-run --where 'state == "CLOSE-WAIT" and owner == "www-data"'`,
		Keys: "x",
		Hint: func(schema.Kind, bool) string {
			return "close the connection or listener, or the marked ones: shows a plan and asks"
		},
		Kinds:   func(k schema.Kind) bool { return k == schema.Inet },
		Can:     CanClose,
		Instead: insteadOfClosing,
		Begin:   func() *Use { return &Use{Plan: (*Planner).Close} },
	}
}
