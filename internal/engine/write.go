package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/patch"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/schema"
	"github.com/pintle-io/pintle/internal/store"
)

// mutation is a create, update or patch on its way: what to make of the old object, and under which conditions.
type mutation struct {
	t   Target
	req *request.Request
	// change makes the new object, in the request's version, from the old one (nil when there is none), and
	// tracks its fields; nil says that the old one is to stay. It is called again when a race is lost, and must not keep
	// or change old.
	change func(ctx context.Context, old object.Object) (object.Object, error)
	// mustCreate: an old object is AlreadyExists. mayCreate: no old object is no error.
	mustCreate, mayCreate bool
	// uid, when set, must be the old object's.
	uid    types.UID
	dryRun bool
	// unpruned says that change leaves in the object what the reference lets validation see: it goes when all is said.
	unpruned bool
	// also and guards come from a subresource's Do.
	guards []store.Guard
	ops    []store.Op
}

// tries bounds how often a write is begun anew after lost races. Each lost race is another writer's success, so
// the bound is only there to end a livelock; the request's deadline comes first.
const tries = 10000

// write takes a mutation from the old object to the synced commit.
func (e *Engine) write(ctx context.Context, m *mutation) (Result, error) {
	return e.attempts(ctx, m, func(a *attempt) (Result, bool, error) { return a.once(ctx) })
}

// attempts makes a change of the target's object until it is done, refused, or has lost too many races. A refusal for
// what the cache said is decided once more on the live object where another server may have written since.
func (e *Engine) attempts(ctx context.Context, m *mutation, once func(*attempt) (Result, bool, error)) (Result, error) {
	table, err := e.Cache.Table(ctx, m.t.Resource)
	if err != nil {
		return Result{}, e.status(err, m.t)
	}
	a := attempt{Engine: e, mutation: m, table: table}
	a.old = table.Get(m.t.Key())
	for range tries {
		res, again, err := once(&a)
		if again {
			continue
		}
		if err != nil && e.Store.Shared() && !a.live {
			if lerr := a.relive(ctx); lerr != nil {
				return Result{}, e.status(lerr, m.t)
			}
			continue
		}
		return res, e.status(err, m.t)
	}
	return Result{}, apierrors.NewConflict(m.t.GR(), m.t.Name, errors.New("too many lost races"))
}

// attempt is one way through write, and what it learnt for the next one.
type attempt struct {
	*Engine
	*mutation
	table *cache.Table
	old   *cache.Record // nil: there is none
	ns    *store.Record // the namespace, when a lost race has shown it newer than the cache
	live  bool          // old was read from the store itself
	sent  string        // the resourceVersion that a new object came with
}

// once is the straight line of a write. Each step says what the reference does at that place.
func (a *attempt) once(ctx context.Context) (res Result, again bool, err error) {
	t, now := a.t, a.req.Now
	storage := t.Resource.Storage()

	// 1. The old object, in the version of the request, and in that of the hooks where it is another.
	convert := t.Version != storage && !t.Resource.Rules.InRequestVersion
	var old, stored object.Object
	if a.old != nil {
		if convert {
			if stored, err = a.old.Object(); err == nil {
				old, err = resource.Convert(ctx, stored, storage, t.Version)
			}
		} else {
			old, err = a.old.In(t.Version)
		}
		if err != nil {
			return res, false, err
		}
	}
	switch {
	case old == nil && !a.mustCreate && !a.mayCreate:
		return res, false, t.notFound()
	case a.uid != "" && (old == nil || a.uid != old.GetUID()):
		return res, false, apierrors.NewConflict(t.GR(), t.Name, fmt.Errorf(
			"StorageError: invalid object, Code: 4, Key: %s%s, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: %v, UID in object meta: %v",
			resource.StoreRoot(a.dryRun), t.Key(), a.uid, uidOf(old)))
	}
	creating := old == nil || a.mustCreate

	// 2. The new object, with its managed fields.
	obj, err := a.change(ctx, old)
	if err != nil {
		return res, false, err
	}
	if obj == nil {
		return Result{Record: a.old}, false, nil
	}
	if err := matchNamespace(t, obj); err != nil {
		return res, false, err
	}

	// 3. Mutating admission. What it may bring in is cleaned up again.
	dedupOwners(a.req, obj, true)
	var guards []store.Guard
	if creating && t.Resource.Scope == resource.Namespaced {
		g, err := a.namespaceGuard(ctx, obj)
		if err != nil {
			return res, false, err
		}
		guards = append(guards, g)
	}

	// 4. Identity and versions.
	if err := a.identify(ctx, obj, old, creating); err != nil {
		return res, false, err
	}
	t = a.t

	// 5. From here on in the version of the hooks: what the server owns, and the kind's own rules.
	if convert {
		if obj, err = resource.Convert(ctx, obj, t.Version, storage); err != nil {
			return res, false, err
		}
		old = stored
	}
	c := &resource.Change{Req: a.req, Op: resource.OpUpdate, Resource: t.Resource, Version: t.Version, Sub: t.Sub,
		Namespace: t.Namespace, Name: t.Name, Old: old, New: obj, DryRun: a.dryRun, Now: now}
	if creating {
		c.Op, c.Old = resource.OpCreate, nil
	}
	gk := c.Version.Codec.Kind.GroupKind()
	if got := obj.GetObjectKind().GroupVersionKind().GroupKind(); c.Version.Codec.New == nil && got.Kind != "" {
		gk = got // a custom object may be of a wrong kind, until it is prepared
	}
	if err := prepare(ctx, c); err != nil {
		return res, false, err
	}
	if err := validate(ctx, c, gk); err != nil {
		return res, false, err
	}
	if w := t.Resource.Warn; w != nil {
		for _, text := range w(ctx, c) {
			a.req.Warn(text)
		}
	}

	// 6. What a store has to say of a create comes after validation, as in the reference. A dry run does not get there.
	if a.mustCreate {
		if n, err := strconv.ParseUint(a.sent, 10, 64); err == nil && n != 0 && !a.dryRun {
			return res, false, errors.New("resourceVersion should not be set on objects to be created")
		}
		if a.old != nil {
			return res, false, a.exists()
		}
	}

	// 7. An update that takes the last finalizer off a dying object is its deletion. All else ends in the storage version.
	last := !creating && released(t.Resource, old, obj)
	if !creating && !last {
		a.Tracker.KeepTimes(old, obj)
	}
	if t.Version != storage && !convert {
		if obj, err = resource.Convert(ctx, obj.DeepCopyObject().(object.Object), t.Version, storage); err != nil {
			return res, false, err
		}
	}
	if f := storage.Prune; f != nil && a.unpruned && !a.dryRun { // a dry run shows what would be read
		if _, err := f(obj, false); err != nil {
			if t.Version != storage {
				return res, false, err
			}
			c.Lacking = true // the reference stores it; what is wrong with metadata goes when it is read
		}
	}
	if last {
		return a.finish(ctx, obj)
	}

	// 8. Encode. Equal bytes: nothing to write.
	value, head, err := storage.Codec.EncodeStored(obj)
	if err != nil {
		return res, false, err
	}
	if !creating && bytes.Equal(value, a.old.Value) {
		return Result{Record: a.old}, false, nil
	}
	if a.dryRun {
		shown, err := a.dry(ctx, value)
		return Result{Object: shown, Kind: t.Kind(), Created: creating}, false, err
	}

	// 9. Commit, under the condition that nothing of what was looked at has changed.
	own := store.Guard{Key: t.Key()}
	if !creating {
		own.Revision, own.Value = a.old.Revision, a.old.Value
	}
	guards = append(guards, own)
	guards = append(guards, a.guards...)
	op := store.Op{Key: t.Key(), Value: value}
	if ttl := t.Resource.Rules.TTL; ttl != nil {
		op.TTL = ttl(obj)
	}
	ops := append([]store.Op{op}, a.ops...)
	if also := t.Resource.Also; also != nil {
		g, w, err := also(ctx, c)
		if err != nil {
			return res, false, err
		}
		if guards, ops, err = a.further(guards, ops, g, w); err != nil {
			return res, false, err
		}
	}
	// Another version's defaults, and those of what the server took out, come when the object is read.
	whole := storage.Restore == nil || (convert || t.Version == storage) && !c.Lacking
	rec := a.table.Prepare(op.Key, value, head, obj, whole)
	kind := "update"
	if creating {
		kind = "create"
	}
	revs, err := a.commit(ctx, kind, guards, ops)
	if err != nil {
		a.table.Forget(rec)
		return a.lost(ctx, err, guards)
	}
	if rec, err = a.applied(ctx, rec, revs); err != nil {
		return res, false, err
	}
	return Result{Record: rec, Created: creating}, false, nil
}

// identify gives a new object its identity, and holds the version of another one against the old object's.
func (a *attempt) identify(ctx context.Context, obj, old object.Object, creating bool) error {
	rv := obj.GetResourceVersion()
	if creating {
		if rv != "" {
			if _, err := strconv.ParseUint(rv, 10, 64); err != nil && !a.mustCreate {
				return err
			}
			a.sent = rv
			obj.SetResourceVersion("")
		}
		obj.SetCreationTimestamp(metav1.NewTime(a.req.Now.Truncate(1e9)))
		obj.SetUID(a.NewUID())
		if obj.GetName() == "" && obj.GetGenerateName() != "" {
			obj.SetName(generateName(obj.GetGenerateName(), a.Suffix()))
		}
		a.t.Name = obj.GetName()
		if a.mustCreate {
			a.old = a.table.Get(a.t.Key())
			if a.live && a.Store.Shared() {
				if err := a.relive(ctx); err != nil {
					return err
				}
			}
		}
	} else if rv == "" || rv == "0" {
		if !a.t.Resource.Rules.UnconditionalUpdate {
			return apierrors.NewInvalid(kschema.GroupKind{Group: a.t.Version.Group, Kind: a.t.Resource.Names.Plural}, a.t.Name,
				field.ErrorList{field.Invalid(field.NewPath("metadata", "resourceVersion"), int64(0), "must be specified for an update")})
		}
		obj.SetResourceVersion(old.GetResourceVersion())
	} else if _, err := strconv.ParseUint(rv, 10, 64); err != nil {
		return err
	} else if rv != old.GetResourceVersion() {
		return conflict(a.t)
	}
	return nil
}

// dry is what a dry run answers with: what would be read back, at the revision that stays.
func (a *attempt) dry(ctx context.Context, value []byte) (object.Object, error) {
	storage := a.t.Resource.Storage()
	obj, err := storage.Codec.DecodeStored(value, 0)
	if err == nil && storage.Restore != nil {
		err = storage.Restore(obj)
	}
	if err != nil {
		return nil, err
	}
	obj.SetResourceVersion(a.sent)
	if a.old != nil {
		obj.SetResourceVersion(strconv.FormatInt(a.old.Revision, 10))
	}
	return resource.Convert(ctx, obj, storage, a.t.Version)
}

func uidOf(obj object.Object) types.UID {
	if obj == nil {
		return ""
	}
	return obj.GetUID()
}

// commit is the store's, with a look at the clock.
func (a *attempt) commit(ctx context.Context, op string, guards []store.Guard, ops []store.Op) ([]int64, error) {
	if a.Observe == nil {
		return a.Store.Commit(ctx, guards, ops)
	}
	began := time.Now()
	revs, err := a.Store.Commit(ctx, guards, ops)
	a.Observe(op, a.t.GR(), time.Since(began), err)
	return revs, err
}

// applied waits until the commit is visible to every reader, and returns its record.
func (a *attempt) applied(ctx context.Context, rec *cache.Record, revs []int64) (*cache.Record, error) {
	err := a.Cache.WaitApplied(ctx, revs[len(revs)-1])
	a.table.Forget(rec)
	if err != nil {
		return nil, err
	}
	if rec.Revision == revs[0] {
		return rec, nil
	}
	// The feed has read the bytes by itself (the table was not loaded, or two writers announced the same key).
	return a.table.Record(store.Record{Key: rec.Key, Revision: revs[0], Value: rec.Value}), nil
}

// lost decides what a failed commit means: another writer was faster, or something is broken.
func (a *attempt) lost(ctx context.Context, cause error, guards []store.Guard) (res Result, again bool, err error) {
	var g *store.GuardError
	if !errors.As(cause, &g) {
		return res, false, cause
	}
	for i, now := range g.Current {
		want := guards[i]
		if now.Revision == want.Revision {
			continue
		}
		switch {
		case want.Key == a.t.Key():
			a.live = true
			a.old = nil
			if now.Revision != 0 {
				now.Key = want.Key
				a.old = a.table.Record(now)
			}
			if a.mustCreate && a.old != nil {
				return res, false, a.exists()
			}
		case want.Key.Prefix == "namespaces":
			now.Key = want.Key
			a.ns = &now
		default:
			// A guard of a side write: the hook looks again once the cache has caught up.
			if err := a.Cache.WaitApplied(ctx, now.Revision); err != nil {
				return res, false, err
			}
		}
	}
	return res, true, nil
}

// relive reads the old object from the store itself.
func (a *attempt) relive(ctx context.Context) error {
	a.live, a.old = true, nil
	rec, err := a.Store.Get(ctx, a.t.Key())
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	a.old = a.table.Record(rec)
	return nil
}

func (a *attempt) exists() error {
	err := apierrors.NewAlreadyExists(a.t.GR(), a.t.Name)
	if a.old != nil && a.old.Head.Deleting() {
		err.ErrStatus.Message = "object is being deleted: " + err.ErrStatus.Message
	}
	return err
}

func conflict(t Target) error {
	return apierrors.NewConflict(t.GR(), t.Name,
		errors.New("the object has been modified; please apply your changes to the latest version and try again"))
}

// further adds a hook's guards and writes to a commit.
func (e *Engine) further(guards []store.Guard, ops []store.Op, g []resource.Guard, w []resource.Write) ([]store.Guard, []store.Op, error) {
	for _, x := range g {
		guard := store.Guard{Key: store.Key{Prefix: x.Resource.Prefix, Namespace: x.Namespace, Name: x.Name}}
		if x.ResourceVersion != "" {
			rev, err := strconv.ParseInt(x.ResourceVersion, 10, 64)
			if err != nil {
				return nil, nil, err
			}
			guard.Revision = rev
		}
		guards = append(guards, guard)
	}
	for _, x := range w {
		op := store.Op{Key: store.Key{Prefix: x.Resource.Prefix, Namespace: x.Namespace, Name: x.Name}}
		if x.Object != nil {
			value, _, err := x.Resource.Storage().Codec.EncodeStored(x.Object)
			if err != nil {
				return nil, nil, err
			}
			op.Value = value
		}
		ops = append(ops, op)
	}
	return guards, ops, nil
}

// prepare sets what the server owns: the parts that a write here must not change, generation, and the kind's own
// Prepare.
func prepare(ctx context.Context, c *resource.Change) error {
	rules := &c.Resource.Rules
	if c.Op == resource.OpCreate {
		resource.ClearPaths(c.New, rules.CreateReset)
		if rules.Generation != nil {
			c.New.SetGeneration(1)
		}
	} else {
		c.New.SetGeneration(c.Old.GetGeneration())
		reset := rules.Reset
		if c.Sub != nil {
			reset = c.Sub.Reset
		}
		resource.CopyPaths(c.New, c.Old, reset)
	}
	if c.Resource.Prepare != nil {
		if err := c.Resource.Prepare(ctx, c); err != nil {
			return err
		}
	}
	if c.Op == resource.OpCreate {
		return nil
	}
	if rules.Generation != nil && (c.Sub == nil || c.Sub.Generation) && !resource.EqualPaths(c.New, c.Old, rules.Generation) {
		c.New.SetGeneration(c.Old.GetGeneration() + 1)
	}
	if c.New.GetUID() == "" {
		c.New.SetUID(c.Old.GetUID())
	}
	if t := c.Old.GetCreationTimestamp(); !t.IsZero() {
		c.New.SetCreationTimestamp(t)
	}
	if t := c.Old.GetDeletionTimestamp(); !t.IsZero() {
		c.New.SetDeletionTimestamp(t)
	}
	if s := c.Old.GetDeletionGracePeriodSeconds(); s != nil && c.New.GetDeletionGracePeriodSeconds() == nil {
		c.New.SetDeletionGracePeriodSeconds(s)
	}
	return nil
}

// manager is who a write's fields belong to.
func manager(t Target, req *request.Request, name string) patch.Manager {
	m := patch.Manager{Name: name, APIVersion: t.Version.APIVersion(), Time: metav1.NewTime(req.Now.Truncate(1e9))}
	if t.Sub != nil {
		m.Subresource = t.Sub.Name
	}
	return m
}

// resetOf is what a target's managers can't own.
func resetOf(t Target) schema.Paths {
	switch {
	case t.Sub == nil && t.Version.Untracked != nil:
		return t.Version.Untracked
	case t.Sub == nil:
		return t.Resource.Rules.Reset
	case t.Sub.Untracked != nil:
		return t.Sub.Untracked
	}
	return t.Sub.Reset
}
