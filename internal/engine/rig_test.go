package engine_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pintle-io/pintle/internal/builtin"
	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/patch"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/schema"
	"github.com/pintle-io/pintle/internal/store"
	"github.com/pintle-io/pintle/internal/store/memory"
)

// rig is an engine over every built-in kind, on a store in memory.
type rig struct {
	*engine.Engine
	t     testing.TB
	clock atomic.Int64 // seconds
}

func newRig(t testing.TB) *rig { return newRigOn(t, memory.New(memory.Config{})) }

func newRigOn(t testing.TB, s store.Store) *rig {
	r := &rig{t: t}
	r.clock.Store(1_700_000_000)
	catalog := &resource.Catalog{}
	kinds := builtin.All(resource.Deps{Schemas: schema.NewBuiltin()})
	catalog.Set(builtin.Groups(kinds))
	c, err := cache.New(cache.Config{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); s.Close() })
	var uids, names atomic.Int64
	r.Engine = engine.New(engine.Config{Store: s, Cache: c, Catalog: catalog, Tracker: patch.NewTracker(), Clock: r.now,
		NewUID: func() types.UID { return types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", uids.Add(1))) },
		Suffix: func() string { return fmt.Sprintf("%05d", names.Add(1)) }})
	r.create("namespaces", &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}})
	return r
}

func (r *rig) now() time.Time { return time.Unix(r.clock.Load(), 0).UTC() }

func (r *rig) req() *request.Request {
	return &request.Request{User: &request.User{Name: "tester"}, UserAgent: "test/1", Now: r.now()}
}

// target is core/v1's resource, in the namespace default where it has one.
func (r *rig) target(plural, name string) engine.Target {
	row, ok := r.Catalog.Load().Lookup("", "v1", plural)
	if !ok {
		r.t.Fatalf("no %s", plural)
	}
	t := engine.Target{Resource: row.Resource, Version: row.Version, Name: name}
	if row.Resource.Scope == resource.Namespaced {
		t.Namespace = "default"
	}
	return t
}

func (r *rig) create(plural string, obj object.Object) engine.Result {
	r.t.Helper()
	res, err := r.Create(context.Background(), r.req(), r.target(plural, obj.GetName()), obj, metav1.CreateOptions{FieldManager: "test"})
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}
