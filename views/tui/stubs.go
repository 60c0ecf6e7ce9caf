package tui

func open(a *app) reaction              { return nothing }
func promptFilter(a *app) reaction      { return nothing }
func promptWhere(a *app) reaction       { return nothing }
func hasUser(a *app) bool               { return false }
func userMenu(a *app) reaction          { return nothing }
func faults(a *app) reaction            { return nothing }
func helpKeys() keymap                  { return nil }
func actionKeys(func(*app) bool) keymap { return nil }
