package crd

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"k8s.io/client-go/util/jsonpath"
)

// jsonPath is a JSONPath of a CustomResourceDefinition. Nearly all of them are simple: fields, list indices and
// conditions of the form [?(@.type=="Ready")]. A simple path is read as it is walked and holds nothing but its own
// text; the library, whose answers are the rule, does the others.
type jsonPath struct {
	text  string
	other *otherPath // not nil: the path is not simple
}

// otherPath is a path that the library walks. Only loops ("range") keep state while they do: those take turns.
type otherPath struct {
	*jsonpath.JSONPath
	loops bool
	mu    sync.Mutex
	// How often the path multiplies what it has come to: by what is below (..), by parts of a list, which may be the same
	// ones (,), and by doing everything once more for each (range).
	below, parts, ranges int
}

// maxWalk is how many values of an object a path may come to, about.
const maxWalk = 100_000

// bearable says whether the library will be done with a tree in reasonable time. It goes as often to a value as there
// are ways to it.
func (o *otherPath) bearable(tree map[string]any) bool {
	if o.below < 2 && o.parts == 0 && o.ranges < 2 {
		return true // no value is come to more than once
	}
	nodes, depth := extent(tree)
	return float64(nodes)*math.Pow(float64(depth), float64(max(o.below-1, 0)))*math.Pow(2, float64(o.parts))*
		math.Pow(float64(nodes), float64(max(o.ranges-1, 0))) <= maxWalk
}

// extent is how many values there are, and how deep they go.
func extent(v any) (nodes, depth int) {
	add := func(v any) {
		n, d := extent(v)
		nodes, depth = nodes+n, max(depth, d)
	}
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			add(e)
		}
	case []any:
		for _, e := range v {
			add(e)
		}
	}
	return nodes + 1, depth + 1
}

// newJSONPath reads a path that stands in a definition without braces.
func newJSONPath(text string) (jsonPath, error) {
	if simple(text) {
		return jsonPath{text: text}, nil
	}
	o := &otherPath{JSONPath: jsonpath.New("path").AllowMissingKeys(true), loops: strings.Contains(text, "range"),
		below: strings.Count(text, ".."), parts: strings.Count(text, ","), ranges: strings.Count(text, "range")}
	if err := o.Parse("{" + text + "}"); err != nil {
		return jsonPath{}, err
	}
	return jsonPath{text: text, other: o}, nil
}

// first returns the first value that the path leads to. There may be none, or the value may be null; what cannot be
// walked at all is no value either.
func (p jsonPath) first(tree map[string]any) (value any, ok bool) {
	if p.other == nil {
		f := found{}
		if !f.walk(tree, p.text) {
			return nil, false
		}
		return f.value, f.any
	}
	if !p.other.bearable(tree) {
		return nil, false
	}
	if p.other.loops {
		p.other.mu.Lock()
		defer p.other.mu.Unlock()
	}
	results, err := p.other.FindResults(tree)
	if err != nil || len(results) == 0 || len(results[0]) == 0 {
		return nil, false
	}
	return results[0][0].Interface(), true
}

// found is what a walk has come to.
type found struct {
	value any
	any   bool
}

// walk goes on from v. It is false when the path does not fit the value: that spoils what was found elsewhere.
func (f *found) walk(v any, rest string) bool {
	for rest != "" {
		var s step
		s, rest, _ = nextStep(rest)
		switch s.kind {
		case fieldStep:
			m, ok := v.(map[string]any)
			if !ok {
				return true
			}
			if v, ok = m[s.name]; !ok {
				return true
			}
		case indexStep:
			if v == nil {
				return true
			}
			list, ok := v.([]any)
			i := s.index
			if i < 0 {
				i += len(list)
			}
			if !ok || i < 0 || i >= len(list) {
				return false
			}
			v = list[i]
		case filterStep:
			list, ok := v.([]any)
			return ok && f.filter(list, s, rest)
		}
	}
	if !f.any {
		f.value, f.any = v, true
	}
	return true
}

// filter goes on from each element that has the value.
func (f *found) filter(list []any, s step, rest string) bool {
	for _, elem := range list {
		m, _ := elem.(map[string]any)
		is, ok := m[s.name]
		if !ok {
			continue
		}
		text, ok := is.(string)
		if !ok || text == s.value && !f.walk(elem, rest) {
			return false
		}
	}
	return true
}

type stepKind uint8

const (
	fieldStep  stepKind = iota // .name
	indexStep                  // [index]
	filterStep                 // [?(@.name=="value")]
)

type step struct {
	kind        stepKind
	name, value string
	index       int
}

// simple says whether the whole path is made of steps.
func simple(text string) bool {
	if text == "" || text[0] != '.' {
		return false
	}
	for text != "" {
		ok := false
		if _, text, ok = nextStep(text); !ok {
			return false
		}
	}
	return true
}

// nextStep takes the first step off a path.
func nextStep(text string) (s step, rest string, ok bool) {
	switch {
	case text[0] == '.':
		end := 1
		for end < len(text) && text[end] != '.' && text[end] != '[' {
			if strings.IndexByte(" \t\r\n,]$@{}\\", text[end]) >= 0 {
				return s, text, false
			}
			end++
		}
		s.name = text[1:end]
		return s, text[end:], s.name != "" && s.name != "*"
	case strings.HasPrefix(text, "[?(@."):
		return filterOf(text)
	case text[0] == '[':
		inner, rest, ok := strings.Cut(text[1:], "]")
		if !ok || inner == "" || inner[0] == '+' {
			return s, text, false
		}
		i, err := strconv.Atoi(inner)
		return step{kind: indexStep, index: i}, rest, err == nil
	}
	return s, text, false
}

// filterOf reads [?(@.name=="value")], in which there may be blanks around the sign.
func filterOf(text string) (s step, rest string, ok bool) {
	s.kind = filterStep
	inner, rest, ok := strings.Cut(text[len("[?(@."):], ")]")
	if !ok {
		return s, text, false
	}
	name, value, ok := strings.Cut(inner, "==")
	s.name, value = strings.TrimRight(name, " "), strings.TrimLeft(value, " ")
	if !ok || len(value) < 3 || value[0] != value[len(value)-1] || value[0] != '"' && value[0] != '\'' {
		return s, text, false
	}
	s.value = value[1 : len(value)-1]
	return s, rest, isWord(s.name) && isWord(s.value)
}

// isWord says whether s needs no quoting of any kind.
func isWord(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '/':
		default:
			return false
		}
	}
	return s != ""
}

// printed is a value as it stands in a column of strings.
func printed(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case nil:
		return "<no value>"
	}
	return fmt.Sprint(value)
}
