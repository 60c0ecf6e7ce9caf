package actions

import "slices"

// membersOption names a container or a unit, in place of REFs.
func membersOption(groups *[]Members, column string) Option {
	help := map[string]string{
		"container": "all processes of the container with this name or short id, instead of REFs",
		"unit":      "all processes of the systemd unit with this name (nginx.service), instead of REFs",
	}
	return Option{Name: column, Help: help[column], Title: column, Free: true, Names: true,
		Set: func(name string) error {
			*groups = slices.DeleteFunc(*groups, func(g Members) bool { return g.Column == column })
			if name != "" {
				*groups = append(*groups, Members{column, name})
			}
			return nil
		}}
}
