package actions

// guarded returns the deed of a step. look is the last look at the object, with one system call at its end. shown is
// the same look as the plan took it. Between the last look and do stands only the comparison of the two. The words for
// a change are made only after the comparison failed.
func guarded[T comparable](shown T, look func() (T, error), words func(T) facts, do func() error, says string,
) func() (string, error) {
	return func() (string, error) {
		now, err := look()
		if err == nil && now == shown {
			if err = do(); err == nil {
				return says, nil
			}
		}
		if err != nil {
			return "", err
		}
		return "", words(shown).changed(words(now))
	}
}
