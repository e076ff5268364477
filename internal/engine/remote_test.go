package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/store"
)

// remote is a kind of which somebody else converts: v1 is stored and calls its one field "a", v2 "b"; v0 is what was
// stored in other days, and calls it "z".
type remote struct {
	*rig
	kind  *resource.Resource
	calls atomic.Int32
	most  atomic.Int32 // objects in one call
	fail  atomic.Bool
}

var remoteNames = map[string]string{"example.com/v0": "z", "example.com/v1": "a", "example.com/v2": "b"}

func newRemote(t *testing.T) *remote {
	r := &remote{rig: newRig(t)}
	version := func(name string) resource.Version {
		field := remoteNames["example.com/"+name]
		return resource.Version{Group: "example.com", Name: name, Served: true, Storage: name == "v1", Remote: true, Convert: r.convert,
			Codec: &object.Codec{Kind: schema.GroupVersionKind{Group: "example.com", Version: name, Kind: "Thing"}},
			Fields: map[string]func(object.Object) string{"spec." + field: func(o object.Object) string {
				s, _, _ := unstructured.NestedString(o.(*unstructured.Unstructured).Object, "spec", field)
				return s
			}}}
	}
	r.kind = &resource.Resource{Names: resource.Names{Plural: "things", Kind: "Thing"}, Scope: resource.Namespaced, Prefix: "example.com/things",
		Versions: []resource.Version{version("v0"), version("v1"), version("v2")}}
	return r
}

func (r *remote) convert(_ context.Context, objs []object.Object, to string) ([]object.Object, error) {
	r.calls.Add(1)
	r.most.Store(max(r.most.Load(), int32(len(objs))))
	if r.fail.Load() {
		return nil, errors.New("conversion webhook failed")
	}
	for _, o := range objs {
		u := o.(*unstructured.Unstructured)
		value, _, _ := unstructured.NestedString(u.Object, "spec", remoteNames[u.GetAPIVersion()])
		u.Object["apiVersion"], u.Object["spec"] = to, map[string]any{remoteNames[to]: value}
	}
	return objs, nil
}

func (r *remote) at(version, name string) engine.Target {
	for i := range r.kind.Versions {
		if v := &r.kind.Versions[i]; v.Name == version {
			return engine.Target{Resource: r.kind, Version: v, Namespace: "default", Name: name}
		}
	}
	panic(version)
}

// put stores an object as the version has it.
func (r *remote) put(version, name, value string) {
	apiVersion := "example.com/" + version
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": apiVersion, "kind": "Thing",
		"metadata": map[string]any{"name": name, "namespace": "default", "uid": "u-" + name}, "spec": map[string]any{remoteNames[apiVersion]: value}}}
	data, _, err := r.at(version, "").Version.Codec.EncodeStored(u)
	if err != nil {
		r.t.Fatal(err)
	}
	revs, err := r.Store.Commit(r.t.Context(), nil, []store.Op{{Key: store.Key{Prefix: r.kind.Prefix, Namespace: "default", Name: name}, Value: data}})
	if err == nil {
		err = r.Cache.WaitApplied(r.t.Context(), revs[0])
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *remote) list(version, selector string) (*engine.List, error) {
	var o engine.ListOptions
	if selector != "" {
		o.Fields = fields.ParseSelectorOrDie(selector)
	}
	return r.List(r.t.Context(), r.req(), r.at(version, ""), o)
}

// calledFor says how often somebody else was asked meanwhile.
func (r *remote) calledFor(what string, want int32, do func()) {
	r.t.Helper()
	before := r.calls.Load()
	do()
	if got := r.calls.Load() - before; got != want {
		r.t.Errorf("%s: %d calls, want %d", what, got, want)
	}
}

func (r *remote) shows(rec *cache.Record, version, want string) {
	r.t.Helper()
	v := r.at(version, "").Version
	for _, e := range []object.Encoding{object.JSON, object.CBOR} {
		b, err := rec.Bytes(v, e, cache.Full)
		if err != nil {
			r.t.Fatal(err)
		}
		obj, _, err := v.Codec.Decode(e, b, false)
		if err != nil {
			r.t.Fatal(err)
		}
		u := obj.(*unstructured.Unstructured)
		got, _, _ := unstructured.NestedString(u.Object, "spec", remoteNames[u.GetAPIVersion()])
		if u.GetAPIVersion() != v.APIVersion() || got != want || u.GetResourceVersion() != fmt.Sprint(rec.Revision) {
			r.t.Errorf("%s in %s: got %v", rec.Key, version, u.Object)
		}
	}
}

func TestRemoteConversionsGoTogether(t *testing.T) {
	r := newRemote(t)
	for i := range 2500 {
		version := "v1"
		if i%100 == 0 {
			version = "v0"
		}
		r.put(version, fmt.Sprintf("thing-%04d", i), fmt.Sprint(i))
	}
	// The stored version asks only for what is stored in another one.
	r.calledFor("stored version", 1, func() {
		l, err := r.list("v1", "")
		if err != nil || len(l.Records) != 2500 {
			t.Fatal(err)
		}
		r.shows(l.Records[0], "v1", "0")
		r.shows(l.Records[1], "v1", "1")
	})
	r.calledFor("another version", 3, func() {
		for range 2 {
			l, err := r.list("v2", "")
			if err != nil {
				t.Fatal(err)
			}
			for i, rec := range l.Records[:300] {
				r.shows(rec, "v2", fmt.Sprint(i))
			}
			if _, err := l.Records[0].Bytes(r.at("v2", "").Version, object.JSON, cache.Metadata); err != nil {
				t.Fatal(err)
			}
		}
	})
	if r.most.Load() != 1000 {
		t.Errorf("%d objects in one call", r.most.Load())
	}
	r.calledFor("again", 0, func() {
		w, err := r.Watch(t.Context(), r.req(), r.at("v2", ""), engine.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		events, err := w.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.shows(events[7].Record, "v2", "7")
		res, err := r.Get(t.Context(), r.req(), r.at("v2", "thing-0100"), "")
		if err != nil {
			t.Fatal(err)
		}
		r.shows(res.Record, "v2", "100")
	})
}

func TestRemoteFieldSelectors(t *testing.T) {
	r := newRemote(t)
	for i := range 10 {
		r.put("v1", fmt.Sprint("thing-", i), fmt.Sprint(i%2))
	}
	r.put("v0", "thing-old", "1")
	for _, c := range []struct {
		version, selector string
		calls             int32
		want              int
	}{{"v1", "spec.a=1", 1, 6}, {"v2", "spec.b=1", 1, 6}, {"v2", "spec.b!=1", 0, 5}, {"v2", "metadata.name=thing-3", 0, 1}, {"v0", "spec.z=0", 1, 5}} {
		r.calledFor(c.version+" "+c.selector, c.calls, func() {
			l, err := r.list(c.version, c.selector)
			if err != nil {
				t.Fatal(err)
			}
			if len(l.Records) != c.want {
				t.Errorf("%s %s: %d records, want %d", c.version, c.selector, len(l.Records), c.want)
			}
		})
	}
}

// What is deleted was converted before: nobody is asked for it again.
func TestRemoteDeletedEvents(t *testing.T) {
	r := newRemote(t)
	r.put("v1", "a", "x")
	w, err := r.Watch(t.Context(), r.req(), r.at("v2", ""), engine.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.calledFor("the first event", 1, func() {
		events, err := w.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.shows(events[0].Record, "v2", "x")
	})
	r.calledFor("the deletion", 0, func() {
		if _, err := r.Delete(t.Context(), r.req(), r.at("v1", "a"), &metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		events, err := w.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.shows(events[0].Record, "v2", "x")
	})
}

func TestRemoteFailures(t *testing.T) {
	r := newRemote(t)
	r.put("v1", "a", "x")
	r.fail.Store(true)
	for what, do := range map[string]func() error{
		"list": func() error { _, err := r.list("v2", ""); return err },
		"watch": func() error {
			w, err := r.Watch(t.Context(), r.req(), r.at("v2", ""), engine.ListOptions{})
			if err != nil {
				return err
			}
			defer w.Close()
			_, err = w.Next(t.Context())
			return err
		},
		"selected list": func() error { _, err := r.list("v2", "spec.b=x"); return err },
		"get": func() error {
			res, err := r.Get(t.Context(), r.req(), r.at("v2", "a"), "")
			if err != nil {
				return err
			}
			_, err = res.Record.Bytes(r.at("v2", "").Version, object.JSON, cache.Full)
			return err
		},
	} {
		if err := do(); err == nil || !strings.Contains(err.Error(), "conversion webhook failed") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := r.list("v1", ""); err != nil {
		t.Errorf("the stored version: %v", err)
	}
	r.fail.Store(false)
	if _, err := r.list("v2", ""); err != nil {
		t.Errorf("later: %v", err)
	}
}
