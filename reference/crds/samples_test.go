package crds

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"time"
)

// A sample is a module's own object, in the place that it has here.
type sample struct {
	id     string
	kind   kind
	object map[string]any
}

// here are the samples of the kinds, with names of their own, all in one namespace, as new objects.
func (c *Corpus) here(kinds []kind) iter.Seq[sample] {
	return func(yield func(sample) bool) {
		byKind := map[string]kind{}
		for _, k := range kinds {
			byKind[k.group+"/"+k.version+" "+k.kind] = k
		}
		number, names := map[string]int{}, map[string]int{}
		for _, d := range c.Samples {
			k, ok := byKind[text(d.Object, "apiVersion")+" "+text(d.Object, "kind")]
			if !ok {
				continue
			}
			id := fmt.Sprintf("%s %s %s", k, d.Module, d.File)
			number[id]++
			if !yield(sample{fmt.Sprintf("%s %d", id, number[id]), k, moved(d, k, names)}) {
				return
			}
		}
	}
}

// samples creates the modules' own objects and reads them back in lists.
func samples(ctx context.Context, c *Corpus, t *target, kinds []kind, emit func(answer)) error {
	if t.slow() {
		for _, k := range kinds {
			if err := served(ctx, t, k); err != nil {
				return err
			}
		}
	}
	used := map[string]bool{}
	for s := range c.here(kinds) {
		a, err := t.do(ctx, http.MethodPost, s.kind.path(), encode(s.object))
		if err != nil {
			return err
		}
		used[s.kind.definition] = true
		emit(a.normal(s.id))
	}
	for _, k := range kinds {
		if !used[k.definition] {
			continue
		}
		for _, media := range []string{"application/json", "application/json;as=Table;v=v1;g=meta.k8s.io"} {
			a, err := t.accept(ctx, media, http.MethodGet, k.path(), nil)
			if err != nil {
				return err
			}
			emit(a.normal(k.String() + " list " + media))
		}
	}
	return nil
}

// moved is the document's object as it is sent.
func moved(d Document, k kind, names map[string]int) map[string]any {
	o := clone(d.Object).(map[string]any)
	if meta := object(o, "metadata"); meta != nil {
		delete(meta, "resourceVersion")
		if k.namespaced {
			delete(meta, "namespace")
		}
		if prefix, ok := meta["generateName"].(string); ok && meta["name"] == nil {
			delete(meta, "generateName")
			meta["name"] = prefix + "x"
		}
		if name, ok := meta["name"].(string); ok {
			key := k.definition + " " + name
			if names[key]++; names[key] > 1 {
				meta["name"] = fmt.Sprintf("%s-%d", name, names[key])
			}
		}
	}
	return o
}

// served waits until the reference serves a kind that it calls established.
func served(ctx context.Context, t *target, k kind) error {
	for range 3000 {
		a, err := t.do(ctx, http.MethodGet, k.path()+"?limit=1", nil)
		if err != nil || a.code != http.StatusNotFound {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("%s does not serve %s", t.name, k)
}
