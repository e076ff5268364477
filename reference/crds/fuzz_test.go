package crds

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// fuzz sends objects made from the kinds' schemas, and spoilt ones, as dry runs: creates, and updates of an object
// that is there. Which requests are sent depends on the kinds and the seed alone.
func fuzz(ctx context.Context, t *target, kinds []kind, seed uint64, n int, emit func(answer)) error {
	bases := make([][]exchange, len(kinds))
	for i, k := range kinds {
		bases[i] = []exchange{base(k, rich), base(k, poor)}
		if t.slow() {
			if err := served(ctx, t, k); err != nil {
				return err
			}
		}
	}
	if err := send(ctx, t, bases, emit); err != nil {
		return err
	}
	objects := make([][]exchange, n)
	for i := range objects {
		objects[i] = []exchange{exchangeOf(kinds[i%len(kinds)], seed, i)}
	}
	return send(ctx, t, objects, emit)
}

// An exchange is one request that is sent.
type exchange struct {
	id, method, path string
	body             []byte // revision in it stands for the object's resourceVersion
}

const revision = "@revision@"

// revised puts the resourceVersion in: no update of a custom object goes without.
func (e exchange) revised(ctx context.Context, t *target) (body []byte, version string, err error) {
	if !bytes.Contains(e.body, []byte(revision)) {
		return e.body, "", nil
	}
	path, _, _ := strings.Cut(e.path, "?")
	a, err := t.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, "", err
	}
	o, _ := decode(a.body)
	if version = text(o, "metadata", "resourceVersion"); version == "" {
		version = "1" // there is no such object, and an answer that says so
	}
	return bytes.ReplaceAll(e.body, []byte(revision), []byte(version)), version, nil
}

// send has the exchanges, some lists at a time, and emits the answers in order.
func send(ctx context.Context, t *target, lists [][]exchange, emit func(answer)) error {
	answers := make([][]answer, len(lists))
	errs := make([]error, len(lists))
	limit := make(chan struct{}, 4)
	var wg sync.WaitGroup
	for i, l := range lists {
		wg.Add(1)
		limit <- struct{}{}
		go func() {
			defer func() { <-limit; wg.Done() }()
			for _, e := range l {
				body, version, err := e.revised(ctx, t)
				if err != nil {
					errs[i] = fmt.Errorf("%s: %w", e.id, err)
					return
				}
				a, err := t.do(ctx, e.method, e.path, body)
				if err != nil {
					errs[i] = fmt.Errorf("%s: %w", e.id, err)
					return
				}
				if a.code >= 400 && version != "" { // the body is quoted, or a version that is none
					a.body = bytes.ReplaceAll(a.body, []byte(`resourceVersion\":\"`+version), []byte(`resourceVersion\":\"`+revision))
					a.body = bytes.ReplaceAll(a.body, []byte(`parsing \"`+version), []byte(`parsing \"`+revision))
				}
				a = a.normal(e.id)
				answers[i] = append(answers[i], a)
			}
		}()
	}
	wg.Wait()
	for i := range lists {
		if errs[i] != nil {
			return errs[i]
		}
		for _, a := range answers[i] {
			emit(a)
		}
	}
	return nil
}

// A kind's updates are made from one of two objects of the same name. The server has one of them where it took any:
// the second is only taken if the first, which holds more, was refused.
const rich, poor = 150, 0

func baseName(k kind) string { return "fuzz-" + k.version }

func baseObject(k kind, budget int) map[string]any {
	h := fnv.New64a()
	h.Write([]byte(k.String()))
	g := &generator{Rand: rand.New(rand.NewPCG(h.Sum64(), 0)), budget: budget}
	return g.object(k, baseName(k))
}

func base(k kind, budget int) exchange {
	body, _ := json.Marshal(baseObject(k, budget))
	return exchange{fmt.Sprintf("base %s %d", k, budget), http.MethodPost, k.path(), body}
}

// exchangeOf is the i-th request of a seed.
func exchangeOf(k kind, seed uint64, i int) exchange {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, uint64(i)))}
	update := g.chance(0.3)
	var o map[string]any
	e := exchange{id: fmt.Sprintf("%d %s", i, k)}
	strict := pick(g, []string{"", "", "&fieldValidation=Strict", "&fieldValidation=Ignore"})
	if update {
		o = baseObject(k, pick(g, []int{rich, poor}))
		object(o, "metadata")["resourceVersion"] = revision
		e.method, e.path = http.MethodPut, k.path()+"/"+baseName(k)+"?dryRun=All"+strict
	} else {
		g.budget = rich
		o = g.object(k, fmt.Sprintf("fuzz-%d", i))
		e.method, e.path = http.MethodPost, k.path()+"?dryRun=All"+strict
	}
	for range pick(g, []int{0, 1, 1, 2, 4}) {
		g.spoil(o, k)
	}
	e.body, _ = json.Marshal(o)
	if g.chance(0.05) {
		e.body = g.twice(e.body)
	}
	return e
}

// A place is a value within an object: where it is held, its schema, and how to put another there or take it away.
type place struct {
	schema map[string]any
	value  any
	set    func(any)
	remove func() // nil for an item
}

// places lists all values of an object, the object itself first.
func places(v any, s map[string]any, set func(any), remove func(), out []place) []place {
	out = append(out, place{s, v, set, remove})
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			p := object(s, "properties", name)
			if p == nil {
				p = object(s, "additionalProperties")
			}
			out = places(v[name], p, func(x any) { v[name] = x }, func() { delete(v, name) }, out)
		}
	case []any:
		for i, item := range v {
			out = places(item, object(s, "items"), func(x any) { v[i] = x }, nil, out)
		}
	}
	return out
}

// spoil changes one thing about an object.
func (g *generator) spoil(o map[string]any, k kind) {
	all := places(o, k.schema, func(any) {}, nil, nil)[1:]
	// Most of the metadata is not the schema's business, and with another name or kind nothing else is looked at.
	meta := object(o, "metadata")
	all = slices.DeleteFunc(all, func(p place) bool {
		s, _ := p.value.(string)
		m, _ := p.value.(map[string]any)
		fixed := s != "" && (s == revision || s == text(o, "apiVersion") || s == text(o, "kind") || s == text(meta, "name")) || m != nil && text(m, "name") != "" && text(m, "name") == text(meta, "name")
		return fixed && g.chance(0.97) || p.schema == nil && g.chance(0.7)
	})
	if len(all) == 0 {
		o["spec"] = g.anything(2)
		return
	}
	p := pick(g, all)
	switch g.IntN(10) {
	case 0, 1:
		p.set(g.anything(2))
	case 2:
		if p.remove != nil {
			p.remove()
		}
	case 3:
		p.set(nil)
	case 4, 5:
		g.extreme(p)
	case 6:
		for range 5 { // an unknown field, where there are fields
			if m, ok := p.value.(map[string]any); ok {
				m[pick(g, []string{"unknown", "Spec", "x.y", ""})] = g.anything(1)
				break
			}
			p = pick(g, all)
		}
	case 7:
		switch v := p.value.(type) {
		case []any:
			if len(v) > 0 {
				p.set(append(slices.Clone(v), clone(pick(g, v))))
			}
		case map[string]any:
			p.set(map[string]any{})
		}
	case 8:
		switch p.value.(type) {
		case []any:
			p.set([]any{})
		case map[string]any:
			p.set(map[string]any{})
		case string:
			p.set("")
		default:
			p.set(json.Number("0"))
		}
	case 9:
		g.budget = 20
		if p.schema != nil {
			p.set(g.value(p.schema, 3))
		}
	}
}

// extreme puts a value there that is just beyond the schema's bounds.
func (g *generator) extreme(p place) {
	s := p.schema
	switch v := p.value.(type) {
	case string:
		if of, ok := samplesOf[text(s, "format")]; ok && len(of[1]) > 0 {
			p.set(pick(g, of[1]))
		} else if n := number(s, "maxLength", 0); n > 0 && n < 1<<16 {
			p.set(string(bytes.Repeat([]byte("m"), n+g.IntN(2))))
		} else {
			p.set(v + pick(g, []string{"!", "A", "_", " ", "\u00e9"}))
		}
	case json.Number:
		if s["maximum"] != nil && g.chance(0.5) {
			p.set(json.Number(fmt.Sprint(number(s, "maximum", 0) + 1)))
		} else if s["minimum"] != nil {
			p.set(json.Number(fmt.Sprint(number(s, "minimum", 0) - 1)))
		} else {
			p.set(json.Number(pick(g, []string{"-1", "2147483648", "9223372036854775808", "0.5", "1.0", "1e400"})))
		}
	case []any:
		if n := number(s, "maxItems", 0); n > 0 && n < 300 && len(v) > 0 {
			l := slices.Clone(v)
			for len(l) <= n {
				l = append(l, clone(pick(g, v)))
			}
			p.set(l)
		}
	case bool:
		p.set(pick(g, []any{"true", json.Number("1"), !v}))
	}
}

// clone is a copy that shares nothing.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, x := range v {
			m[k] = clone(x)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, x := range v {
			l[i] = clone(x)
		}
		return l
	}
	return v
}

// twice repeats a field of a JSON object, with another value.
func (g *generator) twice(body []byte) []byte {
	field := pick(g, []string{`"kind":"Other",`, `"spec":{},`, `"unknown":1,"unknown":2,`, `"metadata":{"name":"a","name":"b"},`})
	return append([]byte("{"+field), body[1:]...)
}
