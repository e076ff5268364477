package crds

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
)

// A generator makes values of schemas. What it makes is meant to be valid, and often is: rules in CEL and most
// combinations of anyOf and not are beyond it.
type generator struct {
	*rand.Rand
	budget int // nodes until only what is required is made
}

func (g *generator) chance(p float64) bool { return g.Float64() < p }

func pick[T any](g *generator, of []T) T { return of[g.IntN(len(of))] }

// object is an object of the kind, as big as the budget.
func (g *generator) object(k kind, name string) map[string]any {
	o, _ := g.value(k.schema, 0).(map[string]any)
	if o == nil {
		o = map[string]any{}
	}
	o["apiVersion"], o["kind"] = k.group+"/"+k.version, k.kind
	meta := map[string]any{"name": name}
	if g.chance(0.3) {
		meta["labels"] = map[string]any{"app": g.word(), "example.com/tier": "x"}
	}
	o["metadata"] = meta
	return o
}

// value is a value of the schema s.
func (g *generator) value(s map[string]any, depth int) any {
	g.budget--
	s = g.branch(s)
	if s["nullable"] == true && g.chance(0.1) {
		return nil
	}
	if enum := list(s, "enum"); len(enum) > 0 {
		return clone(pick(g, enum))
	}
	if s["x-kubernetes-int-or-string"] == true {
		if g.chance(0.5) && text(s, "pattern") == "" {
			return g.integer(s)
		}
		if text(s, "pattern") == "" {
			return pick(g, []string{"50%", "http", "8080", ""})
		}
		return g.text(s)
	}
	switch text(s, "type") {
	case "object":
		return g.fields(s, depth)
	case "array":
		return g.items(s, depth)
	case "string":
		return g.text(s)
	case "integer":
		return g.integer(s)
	case "number":
		return pick(g, []any{json.Number("0.5"), json.Number("1.0"), json.Number("1e3"), g.integer(s)})
	case "boolean":
		return g.chance(0.5)
	}
	return g.anything(2)
}

// branch decides for one of the schema's alternatives and lays it over the schema.
func (g *generator) branch(s map[string]any) map[string]any {
	over := list(s, "allOf")
	for _, key := range []string{"oneOf", "anyOf"} {
		if of := list(s, key); len(of) > 0 {
			over = append(slices.Clone(over), pick(g, of))
		}
	}
	if len(over) == 0 {
		return s
	}
	out := maps.Clone(s)
	for _, key := range []string{"allOf", "oneOf", "anyOf"} {
		delete(out, key)
	}
	for _, o := range over {
		o, _ := o.(map[string]any)
		for k, v := range g.branch(o) {
			switch k {
			case "required":
				more, _ := v.([]any)
				out[k] = append(slices.Clone(list(out, k)), more...)
			case "properties":
				more, _ := v.(map[string]any)
				all := maps.Clone(object(out, k))
				if all == nil {
					all = map[string]any{}
				}
				for name, p := range more {
					p, _ := p.(map[string]any)
					old := maps.Clone(object(all, name))
					if old == nil {
						old = map[string]any{}
					}
					maps.Copy(old, p)
					all[name] = old
				}
				out[k] = all
			default:
				out[k] = v
			}
		}
	}
	// What only the branches not taken require is left out: it is what tells them apart.
	out["-omit"] = g.omitted(s, list(out, "required"))
	return out
}

func (g *generator) omitted(s map[string]any, required []any) []any {
	var omit []any
	for _, b := range list(s, "oneOf") {
		b, _ := b.(map[string]any)
		for _, r := range list(b, "required") {
			if !slices.Contains(required, r) {
				omit = append(omit, r)
			}
		}
	}
	return omit
}

func (g *generator) fields(s map[string]any, depth int) map[string]any {
	o := map[string]any{}
	if s["x-kubernetes-embedded-resource"] == true {
		o["apiVersion"], o["kind"], o["metadata"] = "v1", "ConfigMap", map[string]any{"name": g.word()}
	}
	properties, required, omit := object(s, "properties"), list(s, "required"), list(s, "-omit")
	share := [...]float64{0.9, 0.6, 0.45, 0.35, 0.3, 0.25, 0.2}[min(depth, 6)]
	if len(properties) > 12 && depth > 0 {
		share /= 2
	}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if depth == 0 && (name == "metadata" || name == "apiVersion" || name == "kind") {
			continue
		}
		p := object(properties, name)
		must := slices.Contains(required, any(name))
		if !must && (slices.Contains(omit, any(name)) || !g.chance(share) || g.budget < 0) || must && p["default"] != nil && g.chance(0.3) {
			continue
		}
		o[name] = g.value(p, depth+1)
	}
	if more := object(s, "additionalProperties"); more != nil && (g.budget > 0 || at(s, "minProperties") != nil) {
		for range g.size(s, "minProperties", "maxProperties") {
			o[g.word()] = g.value(more, depth+1)
		}
	}
	if s["x-kubernetes-preserve-unknown-fields"] == true && g.chance(0.5) && depth > 0 {
		o[g.word()] = g.anything(2)
	}
	return o
}

// size is a small number within the schema's bounds.
func (g *generator) size(s map[string]any, least, most string) int {
	low, high := number(s, least, 0), number(s, most, 1<<30)
	n := low + pick(g, []int{0, 0, 1, 1, 2})
	if g.budget < 0 {
		n = low
	}
	return min(n, high, 40)
}

// number is an integer of the schema, or what it is without.
func number(s map[string]any, key string, without int) int {
	n, ok := s[key].(json.Number)
	if !ok {
		return without
	}
	if f, err := n.Float64(); err == nil && f < 1<<40 && f > -1<<40 {
		return int(f)
	}
	return without
}

func (g *generator) items(s map[string]any, depth int) []any {
	l := []any{}
	seen := map[string]bool{}
	keys := list(s, "x-kubernetes-list-map-keys")
	for range g.size(s, "minItems", "maxItems") {
		for range 4 { // a few tries for one that is not there yet
			v := g.value(object(s, "items"), depth+1)
			identity := v
			if o, ok := v.(map[string]any); ok && len(keys) > 0 {
				of := map[string]any{}
				for _, k := range keys {
					of[k.(string)] = o[k.(string)]
				}
				identity = of
			}
			id, _ := json.Marshal(identity)
			if seen[string(id)] && (len(keys) > 0 || text(s, "x-kubernetes-list-type") == "set") {
				continue
			}
			seen[string(id)] = true
			l = append(l, v)
			break
		}
	}
	return l
}

func (g *generator) integer(s map[string]any) any {
	low, high := number(s, "minimum", -3), number(s, "maximum", max(number(s, "minimum", 0), 0)+9000)
	if s["exclusiveMinimum"] == true {
		low++
	}
	if s["exclusiveMaximum"] == true {
		high--
	}
	if s["minimum"] == nil && g.chance(0.8) {
		low = min(0, high)
	}
	if low > high {
		low = high
	}
	n := pick(g, []int{low, high, low + g.IntN(high-low+1)})
	if m := number(s, "multipleOf", 1); m > 1 {
		n -= n % m
	}
	return json.Number(strconv.Itoa(n))
}

var words = []string{"a", "web", "x-y", "default", "example", "prod", "name-1", "db", "example.com", "v1", "0", "core", "app-7", "z9"}

func (g *generator) word() string { return pick(g, words) }

// samplesOf are values of the formats; the second half of each is wrong.
var samplesOf = map[string][2][]string{
	"date-time": {{"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678+02:00"}, {"2026-01-02", "yesterday"}},
	"date":      {{"2026-01-02"}, {"2026-13-02"}},
	"duration":  {{"10s", "1h30m", "5 minutes", "1 week"}, {"10", "x"}},
	"uri":       {{"https://example.com/x?y=1", "urn:x"}, {"://", "::"}},
	"hostname":  {{"example.com"}, {"-x-"}},
	"email":     {{"a@example.com"}, {"a"}},
	"ipv4":      {{"10.0.0.1"}, {"10.0.0"}},
	"ipv6":      {{"::1"}, {"1"}},
	"cidr":      {{"10.0.0.0/8"}, {"10.0.0.0"}},
	"mac":       {{"01:23:45:67:89:ab"}, {"01"}},
	"uuid":      {{"123e4567-e89b-12d3-a456-426614174000"}, {"123"}},
	"byte":      {{base64.StdEncoding.EncodeToString([]byte("bytes")), ""}, {"*"}},
	"password":  {{"secret"}, {}},
}

func (g *generator) text(s map[string]any) string {
	if of, ok := samplesOf[text(s, "format")]; ok {
		return pick(g, of[0])
	}
	low, high := number(s, "minLength", 0), number(s, "maxLength", 1<<20)
	if p := text(s, "pattern"); p != "" {
		re, err := syntax.Parse(p, syntax.Perl)
		if err == nil {
			best := ""
			for range 8 {
				var b strings.Builder
				g.match(&b, re.Simplify())
				if best = b.String(); len(best) >= low && len(best) <= high {
					break
				}
			}
			return best
		}
	}
	w := g.word()
	for len(w) < low {
		w += pick(g, []string{"x", "1", "é"})
	}
	if len(w) > high {
		w = w[:high]
	}
	return w
}

// match writes a text that the expression matches.
func (g *generator) match(b *strings.Builder, re *syntax.Regexp) {
	if b.Len() > 2000 {
		return
	}
	repeat := func(n int) {
		for range n {
			g.match(b, re.Sub[0])
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		i := 2 * g.IntN(len(re.Rune)/2)
		from, to := re.Rune[i], min(re.Rune[i+1], re.Rune[i]+90)
		b.WriteRune(from + rune(g.IntN(int(to-from)+1)))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteString(pick(g, []string{"a", "Z", "0", "-", " "}))
	case syntax.OpStar:
		repeat(pick(g, []int{0, 1, 3}))
	case syntax.OpPlus:
		repeat(pick(g, []int{1, 1, 3}))
	case syntax.OpQuest:
		repeat(g.IntN(2))
	case syntax.OpRepeat:
		repeat(re.Min + g.IntN(3))
	case syntax.OpCapture:
		repeat(1)
	case syntax.OpAlternate:
		g.match(b, pick(g, re.Sub))
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			g.match(b, sub)
		}
	}
}

// anything is any JSON value.
func (g *generator) anything(depth int) any {
	n := 11
	if depth == 0 {
		n = 8
	}
	switch g.IntN(n) {
	case 0:
		return nil
	case 1:
		return g.chance(0.5)
	case 2:
		return json.Number(pick(g, []string{"0", "-1", "1", "70000", "2147483648", "9223372036854775807", "9223372036854775808", "1.0", "0.5", "-0", "1e3", "1e100"}))
	case 3:
		return json.Number(fmt.Sprint(g.IntN(100)))
	case 4:
		return pick(g, []string{"", " ", "é", "true", "12", "null", "10.0.0.1", strings.Repeat("long", 80), "a\nb", `"<&>`})
	case 5:
		return []any{}
	case 6:
		return map[string]any{}
	case 8:
		l := []any{}
		for range 1 + g.IntN(2) {
			l = append(l, g.anything(depth-1))
		}
		return l
	case 9, 10:
		o := map[string]any{}
		for range 1 + g.IntN(2) {
			o[g.word()] = g.anything(depth - 1)
		}
		return o
	}
	return g.word()
}
