package schema

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Values are validated in one walk that says how many findings there are and allocates nothing. Only if there are some,
// a second walk, loud, finds paths and texts for them. Junctors look at their branches in the same way.
//
// A walk counts the checks that a value passed, as the reference does: of the branches of a failed anyOf or oneOf, the one
// that passed most is reported. What is counted is the reference's, and means nothing else.
type checker struct {
	ctx   context.Context
	quiet bool
	asIs  bool // defaults take the schema by its word: int-or-string says nothing, all formats count whatever the type
	fails int  // findings so far
	found []finding
}

// findings validates a value, correlated with an old one if known: what did not change may stay wrong.
func (s *Schema) findings(ctx context.Context, path *field.Path, v, old any, known bool) field.ErrorList {
	w := checker{ctx: ctx, quiet: true}
	was := previous{value: old, known: known, top: true}
	w.value(s, v, "", was)
	return w.list(s, path, v, was)
}

// ValidateValue is the findings of a default value.
func (s *Schema) ValidateValue(path *field.Path, v any) field.ErrorList {
	w := checker{ctx: context.Background(), quiet: true, asIs: true}
	w.value(s, v, "", previous{})
	return w.list(s, path, v, previous{})
}

// list is the findings, where the quiet walk was not content.
func (w *checker) list(s *Schema, path *field.Path, v any, old previous) field.ErrorList {
	if w.fails == 0 {
		return nil
	}
	loud := checker{ctx: w.ctx, asIs: w.asIs}
	loud.value(s, v, "", old)
	return fieldErrors(path, loud.found)
}

// value validates v and all below, and returns what it passed.
func (w *checker) value(s *Schema, v any, path string, old previous) (passed int) {
	fails, found := w.fails, len(w.found)
	if v == nil {
		if types := w.types(s); types == 0 || s.Nullable {
			passed = 1
		} else if w.failed() {
			w.add(mistyped(path, types, "null"))
		}
		w.enum(s, v, path)
	} else {
		passed = w.some(s, v, path, old)
	}
	if w.fails > fails && old.known && equalTo(s, v, old.value) {
		w.fails, w.found = fails, w.found[:found] // it was wrong before
	}
	return passed
}

// some is value for what is not null.
func (w *checker) some(s *Schema, v any, path string, old previous) (passed int) {
	switch x := v.(type) {
	case string:
		passed = w.kind(s, isString, 0, path) + w.junctors(s, v, path) + w.text(s, x, path) + w.formatted(s, x, path)
	case bool:
		passed = w.kind(s, isBoolean, 0, path) + w.junctors(s, v, path)
	case int64:
		passed = w.kind(s, isInteger, 0, path) + w.junctors(s, v, path) + w.number(s, v, float64(x), true, path)
	case float64:
		passed = w.kind(s, isNumber, x, path) + w.junctors(s, v, path) + w.number(s, v, x, false, path)
	case []any:
		passed = w.kind(s, isArray, 0, path) + w.junctors(s, v, path) + w.elements(s, x, path, old)
	case map[string]any:
		passed = w.kind(s, isObject, 0, path) + w.junctors(s, v, path)
		w.enum(s, v, path)
		return passed + w.fields(s, x, path, old) + 3
	}
	w.enum(s, v, path)
	return passed + 2
}

// jsonType is a set of the types that values have.
type jsonType uint8

const (
	isObject jsonType = 1 << iota
	isArray
	isInteger
	isNumber
	isString
	isBoolean
)

// String names the types as messages do.
func (t jsonType) String() string {
	var names []string
	for i, name := range [...]string{"object", "array", "integer", "number", "string", "boolean"} {
		if t&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}

// typesOf are the types that values of a schema's type may have; none for any.
var typesOf = [...]jsonType{Any: 0, Object: isObject, Map: isObject, List: isArray, String: isString, Integer: isInteger, Number: isNumber,
	Boolean: isBoolean, IntOrString: isInteger | isString}

func (w *checker) types(s *Schema) jsonType {
	if w.asIs && s.Type == IntOrString {
		return 0
	}
	return typesOf[s.Type]
}

// kind checks a value's type; f is its value if it is a number.
func (w *checker) kind(s *Schema, typ jsonType, f float64, path string) (passed int) {
	types, format := w.types(s), w.format(s)
	switch {
	case types == 0 && format == "":
		return 0
	case types&typ != 0,
		typ == isNumber && types&isInteger != 0 && isWhole(f),
		typ == isInteger && types&isNumber != 0:
		return 2
	case format == "":
		if w.failed() {
			w.add(mistyped(path, types, typ.String()))
		}
		return 1
	}
	return w.oddKind(path, types, typ, format)
}

// oddKind is kind for a value of a wrong type where a format is asked for.
func (w *checker) oddKind(path string, types, typ jsonType, format string) (passed int) {
	itsFormat := map[jsonType]string{isInteger: "int64", isNumber: "float64"}[typ]
	switch text := typ&(isString|isArray) != 0; {
	case text && types&(isInteger|isNumber) == 0:
		return 2 // the format is checked instead; lists get away
	case text, itsFormat == format:
		if w.failed() {
			w.add(mistyped(path, types, typ.String()))
		}
	case w.failed():
		w.add(finding{path: path, code: codeType, value: itsFormat, arg: format})
	}
	return 1
}

func mistyped(path string, types jsonType, typ string) finding {
	return finding{path: path, code: codeType, value: typ, arg: types.String()}
}

// failed counts a finding, and says whether it is to be added.
func (w *checker) failed() bool {
	w.fails++
	return !w.quiet
}

func (w *checker) add(f finding) { w.found = append(w.found, f) }

// text checks a string's length and pattern.
func (w *checker) text(s *Schema, v, path string) (passed int) {
	l := s.Limits
	switch {
	case l == nil:
	case l.MaxLength != nil && runesOver(v, *l.MaxLength):
		if w.failed() {
			w.add(finding{path: path, code: codeTooLong, value: v, n: *l.MaxLength})
		}
	case l.MinLength != nil && !runesOver(v, *l.MinLength-1):
		if w.failed() {
			w.add(finding{path: path, code: codeTooShort, value: v, n: *l.MinLength})
		}
	case l.Pattern != nil:
		if ok, err := l.Pattern.match(w.ctx, v); !ok && w.failed() {
			w.add(finding{path: path, code: codePattern, value: v, arg: patternText(l.Pattern, err)})
		}
	}
	return 1
}

// formatted checks a string's format.
func (w *checker) formatted(s *Schema, v, path string) (passed int) {
	var f *format
	if w.asIs {
		f = formatOf(String, s.Format)
	} else if s.Limits != nil {
		f = s.Limits.format
	}
	if f == nil {
		return 0
	}
	if !f.check(v) && w.failed() {
		w.add(finding{path: path, code: codeType, value: v, arg: s.Format})
	}
	return 1
}

// format is the format that a value's type is checked with.
func (w *checker) format(s *Schema) string {
	if w.asIs {
		return s.Format
	}
	return s.checkedFormat()
}

func patternText(p *Pattern, err error) string {
	if err != nil {
		return fmt.Sprintf("%s, but pattern is invalid: %s", p.Text, err.Error())
	}
	return p.Text
}

// runesOver says that there are more than n runes in s. It counts only where bytes do not decide.
func runesOver(s string, n int64) bool {
	switch {
	case int64(len(s)) <= n:
		return false
	case int64(len(s)) > n*utf8.UTFMax && n >= 0:
		return true
	}
	return int64(utf8.RuneCountInString(s)) > n
}

// elements checks a list.
func (w *checker) elements(s *Schema, v []any, path string, old previous) (passed int) {
	if e := s.Elements(); e != nil {
		before := old.elements(s)
		for i := range v {
			passed += w.value(e, v[i], w.indexed(path, i), before.previous(v[i]))
		}
	}
	if l := s.Limits; l != nil {
		n := int64(len(v))
		if l.MinItems != nil && n < *l.MinItems {
			if w.failed() {
				w.add(finding{path: path, code: codeTooFewItems, value: n, n: *l.MinItems})
			}
		}
		if l.MaxItems != nil && n > *l.MaxItems {
			if w.failed() {
				w.add(finding{path: path, code: codeTooManyItems, value: n, n: *l.MaxItems})
			}
		}
		if l.UniqueItems && hasTwins(v) {
			if w.failed() {
				w.add(finding{path: path, code: codeNotUnique})
			}
		}
	}
	return passed + 2
}

func hasTwins(list []any) bool {
	for i := range list {
		for j := range i {
			if equal(list[i], list[j]) {
				return true
			}
		}
	}
	return false
}

// fields checks an object.
func (w *checker) fields(s *Schema, m map[string]any, path string, old previous) (passed int) {
	if l := s.Limits; l != nil {
		n := int64(len(m))
		if l.MinProperties != nil && n < *l.MinProperties {
			if w.failed() {
				w.add(finding{path: path, code: codeTooFewFields, value: n, n: *l.MinProperties})
			}
		}
		if l.MaxProperties != nil && n > *l.MaxProperties {
			if w.failed() {
				w.add(finding{path: path, code: codeTooManyFields, value: n, n: *l.MaxProperties})
			}
		}
	}
	passed = w.additional(s, m, path, old)
	for i := range s.Properties {
		if p := &s.Properties[i]; !s.Resource || !isMeta(p.Name) {
			passed += w.field(s, p, m, path, old)
		}
	}
	if s.Resource && s.Logic != nil {
		for i := range s.Logic.Own {
			passed += w.field(s, &s.Logic.Own[i], m, path, old)
		}
	}
	for _, k := range s.Required {
		if _, ok := m[k]; !ok {
			if w.failed() {
				w.add(finding{path: w.below(path, k), code: codeRequired})
			}
		}
	}
	return passed
}

func (w *checker) field(s *Schema, p *Property, m map[string]any, path string, old previous) (passed int) {
	v, ok := m[p.Name]
	if !ok {
		return 0
	}
	name := p.Name
	if path != "" {
		name = w.below(path, p.Name)
	}
	return w.value(p.Schema, v, name, old.field(s, p.Name))
}

// additional checks the fields that only additionalProperties speak of.
func (w *checker) additional(s *Schema, m map[string]any, path string, old previous) (passed int) {
	values, has := s.Additional()
	if !has || values == nil && !s.closed() {
		return 0
	}
	one := func(k string, v any) {
		switch {
		case s.Own(k) != nil:
		case values == nil:
			if w.failed() {
				w.add(finding{path: path, code: codeForbidden, value: k})
			}
		default:
			passed += w.value(values, v, w.below(path, k), old.field(s, k))
		}
	}
	if w.quiet {
		for k, v := range m {
			one(k, v)
		}
		return passed
	}
	for _, k := range sortedKeys(m) {
		one(k, m[k])
	}
	return passed
}

// enum checks that a value is one of those that are allowed.
func (w *checker) enum(s *Schema, v any, path string) {
	if s.Limits == nil || len(s.Limits.Enum) == 0 {
		return
	}
	if s.Limits.allows(v) {
		return
	}
	if w.failed() {
		w.add(finding{path: path, code: codeEnum, value: v, values: s.Limits.Enum})
	}
}

// fewAllowed values are looked through.
const fewAllowed = 32

// allows says whether a value is one of the enum.
func (l *Limits) allows(v any) bool {
	if len(l.Enum) > fewAllowed {
		switch v := v.(type) {
		case string:
			return l.has(v)
		case int64:
			return l.has(v) || l.has(float64(v)) || l.has(character(v))
		}
	}
	return slices.ContainsFunc(l.Enum, func(e any) bool { return isEnum(e, v) })
}

// has says whether a string or number is in the enum as it is.
func (l *Limits) has(v any) bool {
	known := l.allowed.Load()
	if known == nil {
		set := make(map[any]struct{}, len(l.Enum))
		for _, e := range l.Enum {
			switch e.(type) {
			case string, int64, float64:
				set[e] = struct{}{}
			}
		}
		known = &set
		l.allowed.Store(known)
	}
	_, ok := (*known)[v]
	return ok
}

// character is what Go makes of a number that is converted to a string.
func character(v int64) string {
	if int64(rune(v)) == v {
		return string(rune(v))
	}
	return string(utf8.RuneError)
}

// isEnum says whether a value is, or can be converted by Go to, an allowed one: numbers lose their fraction, and an integer
// is also the character that it is the number of.
func isEnum(allowed, v any) bool {
	switch v := v.(type) {
	case int64:
		switch e := allowed.(type) {
		case float64:
			return float64(v) == e
		case string:
			return character(v) == e
		}
	case float64:
		if e, ok := allowed.(int64); ok {
			return int64(v) == e
		}
	}
	return v != nil && equal(allowed, v)
}

func (w *checker) below(path, name string) string {
	if w.quiet {
		return ""
	}
	return path + "." + name
}

func (w *checker) indexed(path string, i int) string {
	if w.quiet {
		return ""
	}
	return path + "[" + strconv.Itoa(i) + "]"
}
