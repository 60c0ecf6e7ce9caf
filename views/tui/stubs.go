package tui

func actionKeys(func(*app) bool) keymap { return nil }
func (p *page) actionKeys() keymap      { return nil }
