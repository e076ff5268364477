package schema

// junctors checks allOf, anyOf, oneOf and not. Nothing in them is correlated with an old value.
func (w *checker) junctors(s *Schema, v any, path string) (passed int) {
	g := s.Logic
	if g == nil {
		return 2
	}
	if len(g.AnyOf) > 0 {
		passed += w.anyOf(s, g.AnyOf, v, path)
	}
	if len(g.OneOf) > 0 {
		passed += w.oneOf(s, g.OneOf, v, path)
	}
	if len(g.AllOf) > 0 {
		passed += w.allOf(s, g.AllOf, v, path)
	}
	if g.Not != nil {
		if ok, _ := w.try(g.Not, v); ok {
			if w.failed() {
				w.add(finding{path: path, code: codeNot})
			}
		}
	}
	return passed + 2
}

// try looks at a branch without reporting anything.
func (w *checker) try(branch *Schema, v any) (ok bool, passed int) {
	quiet := checker{ctx: w.ctx, quiet: true, asIs: w.asIs}
	passed = quiet.value(branch, v, "", previous{})
	return quiet.fails == 0, passed
}

func (w *checker) anyOf(s *Schema, branches []*Schema, v any, path string) (passed int) {
	var best *Schema
	for _, b := range branches {
		ok, n := w.try(b, v)
		if ok {
			return n
		}
		if best == nil || n > passed {
			best, passed = b, n
		}
	}
	if w.failed() {
		w.add(finding{path: path, code: codeAnyOf})
	}
	w.branch(best, v, path)
	return passed
}

func (w *checker) oneOf(s *Schema, branches []*Schema, v any, path string) (passed int) {
	var best *Schema
	fit, first := 0, 0
	for _, b := range branches {
		ok, n := w.try(b, v)
		switch {
		case ok:
			if fit++; fit == 1 {
				first = n
			}
		case best == nil || n > passed:
			best, passed = b, n
		}
	}
	switch fit {
	case 0:
		if w.failed() {
			w.add(finding{path: path, code: codeOneOf})
		}
		w.branch(best, v, path)
		return passed
	case 1:
		return first
	}
	if w.failed() {
		w.add(finding{path: path, code: codeOneOf, n: int64(fit)})
	}
	return 0
}

// branch reports what is wrong with a branch that failed.
func (w *checker) branch(b *Schema, v any, path string) {
	if w.quiet {
		w.fails++
		return
	}
	w.value(b, v, path, previous{})
}

func (w *checker) allOf(s *Schema, branches []*Schema, v any, path string) (passed int) {
	fit := 0
	for _, b := range branches {
		fails := w.fails
		passed += w.value(b, v, path, previous{})
		if w.fails == fails {
			fit++
		}
	}
	if fit < len(branches) {
		if w.failed() {
			w.add(finding{path: path, code: codeAllOf, n: int64(fit)})
		}
	}
	return passed
}
