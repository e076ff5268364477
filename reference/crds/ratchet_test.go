package crds

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
)

// ratchet stores samples, makes their kinds' schemas tighter, and changes the samples, which are now invalid in many
// places: what a change leaves as it was is forgiven.
func ratchet(ctx context.Context, c *Corpus, t *target, defs, stored *recording, emit func(answer)) error {
	all := taken(c, defs, stored)
	wave := make([]Document, len(all))
	for i, r := range all {
		wave[i] = r.definition
		a, err := post(ctx, t, r.definition, false)
		if err != nil {
			return err
		}
		emit(a.normal("create " + r.definition.name()))
	}
	if err := ready(ctx, t, all, wave); err != nil {
		return err
	}
	for _, r := range all {
		for i, o := range r.samples {
			a, err := t.do(ctx, http.MethodPost, r.kind.path(), encode(o))
			if err != nil {
				return err
			}
			emit(a.normal(fmt.Sprintf("store %s %d", r.kind, i)))
		}
	}
	for i, r := range all {
		tight := tightened(r.definition)
		wave[i] = tight
		a, err := post(ctx, t, tight, true)
		if err != nil {
			return err
		}
		emit(a.normal("tighten " + tight.name()))
	}
	if err := ready(ctx, t, all, wave); err != nil {
		return err
	}
	lists := make([][]exchange, len(all))
	for i, r := range all {
		lists[i] = r.changes()
	}
	return send(ctx, t, lists, emit)
}

// ready waits for a server that needs time.
func ready(ctx context.Context, t *target, all []ratcheted, wave []Document) error {
	if !t.slow() {
		return nil
	}
	if err := quiet(ctx, t, wave); err != nil {
		return err
	}
	for _, r := range all {
		if err := served(ctx, t, r.kind); err != nil {
			return err
		}
	}
	return nil
}

// A ratcheted kind is a definition as it is in the end, and samples that the reference took.
type ratcheted struct {
	kind       kind
	definition Document
	samples    []map[string]any
}

// taken are the kinds with samples that the reference took, without those that a webhook would have to convert.
func taken(c *Corpus, defs, stored *recording) []ratcheted {
	now := current(c, defs)
	by := map[string]*ratcheted{}
	for s := range c.here(kinds(c, defs)) {
		if stored.code(s.id) != "201" || text(now[s.kind.definition].Object, "spec", "conversion", "strategy") == "Webhook" {
			continue
		}
		r := by[s.kind.definition]
		if r == nil {
			r = &ratcheted{kind: s.kind, definition: now[s.kind.definition]}
			by[s.kind.definition] = r
		}
		if len(r.samples) < 3 && r.kind.version == s.kind.version {
			r.samples = append(r.samples, s.object)
		}
	}
	var all []ratcheted
	for _, name := range slices.Sorted(maps.Keys(by)) {
		all = append(all, *by[name])
	}
	return all
}

// changes are updates of the samples as dry runs: one of a label alone, and others that change more.
func (r ratcheted) changes() []exchange {
	var out []exchange
	for i, o := range r.samples {
		for j := range 6 {
			h := fnv.New64a()
			h.Write([]byte(r.kind.String()))
			g := &generator{Rand: rand.New(rand.NewPCG(h.Sum64(), uint64(10*i+j)))}
			o := clone(o).(map[string]any)
			meta := object(o, "metadata")
			meta["resourceVersion"] = revision
			if j == 0 {
				meta["labels"] = map[string]any{"changed": "yes"}
			}
			for range j {
				g.spoil(o, r.kind)
			}
			out = append(out, exchange{fmt.Sprintf("change %s %d %d", r.kind, i, j), http.MethodPut,
				r.kind.path() + "/" + text(r.samples[i], "metadata", "name") + "?dryRun=All", encode(o)})
		}
	}
	return out
}

func encode(o map[string]any) []byte { data, _ := json.Marshal(o); return data }

// tightened is the definition with bounds that many objects break.
func tightened(d Document) Document {
	o := clone(d.Object).(map[string]any)
	for _, v := range list(o, "spec", "versions") {
		v, _ := v.(map[string]any)
		tighten(object(v, "schema", "openAPIV3Schema"), "")
	}
	return Document{d.Module, d.File, o, encode(o)}
}

// tighten bounds about every second value; what has a default keeps to it.
func tighten(s map[string]any, path string) {
	if s == nil || s["default"] != nil || s["enum"] != nil {
		return
	}
	h := fnv.New32a()
	h.Write([]byte(path))
	bound := func(key string, n int) {
		if _, there := s[key]; !there && path != "" && h.Sum32()%2 == 0 && strings.Count(path, ".") > 1 {
			s[key] = json.Number(fmt.Sprint(n))
		}
	}
	switch text(s, "type") {
	case "string":
		if text(s, "format") == "" {
			bound("maxLength", 2)
		}
	case "integer":
		bound("maximum", 1)
	case "array":
		bound("maxItems", 1)
		tighten(object(s, "items"), path+"[]")
	case "object":
		if len(object(s, "properties")) > 0 {
			bound("maxProperties", 1)
		}
		for name, p := range object(s, "properties") {
			if path == "" && (name == "metadata" || name == "apiVersion" || name == "kind") {
				continue
			}
			p, _ := p.(map[string]any)
			tighten(p, path+"."+name)
		}
		tighten(object(s, "additionalProperties"), path+".*")
	}
}
