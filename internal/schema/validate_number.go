package schema

import (
	"fmt"
	"math"
)

// number checks a number: v is an int64 or a float64, f its value. Limits that are no numbers of the schema's own type are
// findings too, each time.
func (w *checker) number(s *Schema, v any, f float64, isInt bool, path string) (passed int) {
	w.inRange(s, f, isInt, "Checked", path)
	l := s.Limits
	if l == nil {
		return 2
	}
	if l.MultipleOf != nil {
		w.multiple(s, *l.MultipleOf, v, f, isInt, path)
	}
	if l.Maximum != nil {
		exact := w.inRange(s, *l.Maximum, false, "Maximum boundary", path) && isInt
		if beyond(v, f, *l.Maximum, exact, l.ExclusiveMaximum, 1) && w.failed() {
			w.add(boundFinding(path, codeMaximum, v, f, *l.Maximum, exact, l.ExclusiveMaximum))
		}
	}
	if l.Minimum != nil {
		exact := w.inRange(s, *l.Minimum, false, "Minimum boundary", path) && isInt
		if beyond(v, f, *l.Minimum, exact, l.ExclusiveMinimum, -1) && w.failed() {
			w.add(boundFinding(path, codeMinimum, v, f, *l.Minimum, exact, l.ExclusiveMinimum))
		}
	}
	return 2
}

// beyond compares a value with a bound: as integers where both are, which loses the bound's fraction.
func beyond(v any, f, bound float64, exact, exclusive bool, sign int) bool {
	c := compare(f, bound)
	if exact {
		c = compare(v.(int64), int64(bound))
	}
	return c == sign || exclusive && c == 0
}

func compare[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// boundFinding has value and bound as they were compared.
func boundFinding(path string, c code, v any, f, bound float64, exact, exclusive bool) finding {
	if exact {
		return finding{path: path, code: c, value: v, bound: int64(bound), exclusive: exclusive}
	}
	return finding{path: path, code: c, value: f, bound: bound, exclusive: exclusive}
}

func (w *checker) multiple(s *Schema, factor float64, v any, f float64, isInt bool, path string) {
	if exact := w.inRange(s, factor, false, "MultipleOf", path) && isInt; exact {
		n, by := v.(int64), int64(factor)
		switch {
		case by <= 0:
			if w.failed() {
				w.add(finding{path: path, code: codeNotPositive, value: by})
			}
		case n/by*by != n:
			if w.failed() {
				w.add(finding{path: path, code: codeMultiple, value: v, bound: by})
			}
		}
		return
	}
	if factor <= 0 {
		if w.failed() {
			w.add(finding{path: path, code: codeNotPositive, value: factor})
		}
		return
	}
	quotient := f / factor
	if factor < 1 {
		quotient = 1 / factor * f
	}
	if !isWhole(quotient) && w.failed() {
		w.add(finding{path: path, code: codeMultiple, value: f, bound: factor})
	}
}

// inRange says whether a number can be one of the schema's type and format.
func (w *checker) inRange(s *Schema, f float64, isInt bool, what, path string) bool {
	ok := true
	switch {
	case s.Type == Integer && s.Format == "int32":
		ok = (isInt || f == math.Trunc(f)) && f >= math.MinInt32 && f <= math.MaxInt32
	case s.Type == Integer:
		ok = isInt || f == math.Trunc(f) && f > math.MinInt64 && f < math.MaxInt64
	case s.Type == Number && s.Format == "float":
		ok = isInt || !math.IsInf(float64(float32(f)), 0)
	}
	if !ok && w.failed() {
		w.add(finding{path: path, code: codeRange, arg: rangeText(s, what, path)})
	}
	return ok
}

// rangeText is the text of a finding of inRange.
func rangeText(s *Schema, what, path string) string {
	typ := typesOf[s.Type]
	if format := s.checkedFormat(); format != "" {
		return fmt.Sprintf("%s value must be of type %s with format %s in %s", what, typ, format, path)
	}
	return fmt.Sprintf("%s value must be of type %s (default format) in %s", what, typ, path)
}

// isWhole says whether a number is an integer, near enough, that JSON can hold.
func isWhole(f float64) bool {
	const most = 1<<53 - 1
	if math.IsNaN(f) || f < -most || f > most {
		return false
	}
	if f == math.Trunc(f) {
		return true
	}
	// Near enough is a relative error below a billionth, seen from the integer below. Negative numbers never are.
	g := math.Trunc(f)
	return g > 0 && (f-g)/(f+g) < 1e-9
}
