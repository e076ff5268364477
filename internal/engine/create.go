package engine

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/store"
)

// generatedNames is how many names are tried for a generateName (KEP-4420).
const generatedNames = 8

// Create stores body, which it owns from now on, as a new object. Errors: 404 for a namespace that does not exist,
// 403 for one that is being terminated, 409 AlreadyExists, 422 for what is invalid.
func (e *Engine) Create(ctx context.Context, req *request.Request, t Target, body object.Object, o metav1.CreateOptions) (Result, error) {
	if a := t.Resource.Alias; a != nil && t.Sub == nil {
		t.Resource, t.Version, t.Name = a.Resource, a.Resource.Storage(), body.GetName()
		t.Sub = t.Version.Sub(a.Sub)
	}
	if t.Sub != nil && t.Sub.Do != nil {
		return e.replaceSub(ctx, req, t, resource.OpCreate, body, o.FieldManager, len(o.DryRun) > 0)
	}
	if t.Resource.Serve != nil {
		c := &resource.Change{Req: req, Op: resource.OpCreate, Resource: t.Resource, Version: t.Version, Namespace: t.Namespace,
			New: body, DryRun: len(o.DryRun) > 0, Now: req.Now}
		if err := matchNamespace(t, body); err != nil {
			return Result{}, err
		}
		setDefaults(t, body)
		e.track(t, nil, body, req, o.FieldManager)
		obj, err := t.Resource.Serve(ctx, c)
		return Result{Object: obj, Kind: t.Kind(), Created: true}, e.status(err, t)
	}
	wipe(body)
	generate := body.GetName() == "" && body.GetGenerateName() != ""
	t.Name = body.GetName()
	dedupOwners(req, body, false)
	setDefaults(t, body)
	for try := 1; ; try++ {
		m := &mutation{t: t, req: req, mustCreate: true, dryRun: len(o.DryRun) > 0}
		m.change = func(ctx context.Context, _ object.Object) (object.Object, error) {
			obj := body
			if generate {
				obj = body.DeepCopyObject().(object.Object)
			}
			e.track(m.t, nil, obj, req, o.FieldManager)
			return obj, nil
		}
		res, err := e.write(ctx, m)
		if generate && apierrors.IsAlreadyExists(err) {
			if try < generatedNames {
				continue
			}
			err = apierrors.NewGenerateNameConflict(t.GR(), m.t.Name, 1)
		}
		return res, err
	}
}

// wipe drops what only the server may say of a new object.
func wipe(obj object.Object) {
	obj.SetCreationTimestamp(metav1.Time{})
	obj.SetUID("")
	obj.SetDeletionTimestamp(nil)
	obj.SetDeletionGracePeriodSeconds(nil)
	obj.SetSelfLink("")
}

// setDefaults fills in what the client has left out.
func setDefaults(t Target, obj object.Object) {
	if f := t.Version.Default; f != nil {
		f(obj)
	}
}

// track writes the managed fields of everything but an apply. What can't be tracked is stored untracked, as in
// the reference.
func (e *Engine) track(t Target, old, obj object.Object, req *request.Request, by string) {
	if t.Version.Codec.New == nil && t.Resource.Of(obj.GetObjectKind().GroupVersionKind()) == nil {
		obj.SetManagedFields(nil) // nothing is known of another kind's fields
		return
	}
	_ = e.Tracker.Update(t.Version.Schema(), old, obj, manager(t, req, by), resetOf(t), e.converter(t))
}

// generateName is a base cut so that the random end fits in 63 characters, and that end.
func generateName(base, suffix string) string {
	return base[:min(len(base), 63-len(suffix))] + suffix
}

// matchNamespace puts the object where the request says, or refuses.
func matchNamespace(t Target, obj object.Object) error {
	want := t.Namespace
	if t.Resource.Scope == resource.Cluster {
		want = ""
	}
	switch got := obj.GetNamespace(); {
	case got == want:
	case got == "" || want == "":
		obj.SetNamespace(want)
	default:
		return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	return nil
}

// namespaceGuard is the condition under which something may be created in the target's namespace: that the
// namespace is still as it was when it was found to be there and not terminating.
func (a *attempt) namespaceGuard(ctx context.Context, obj object.Object) (store.Guard, error) {
	key := store.Key{Prefix: "namespaces", Name: a.t.Namespace}
	row, ok := a.Catalog.Load().Lookup("", "v1", "namespaces")
	if !ok {
		return store.Guard{}, errors.New("namespaces are not served")
	}
	table, err := a.Cache.Table(ctx, row.Resource)
	if err != nil {
		return store.Guard{}, err
	}
	rec := table.Get(key)
	if rec == nil && a.ns == nil && a.Store.Shared() {
		// Another server may just have made it.
		if now, err := a.Store.Get(ctx, key); err == nil {
			a.ns = &now
		}
	}
	if a.ns != nil && (rec == nil || a.ns.Revision > rec.Revision || a.ns.Revision == 0) {
		rec = nil
		if a.ns.Revision != 0 {
			rec = table.Record(*a.ns)
		}
	}
	if rec == nil {
		return store.Guard{}, apierrors.NewNotFound(corev1.Resource("namespaces"), a.t.Namespace)
	}
	// Only a namespace that has been deleted can be terminating: the object need not be decoded otherwise.
	if rec.Head.Deleting() {
		err := apierrors.NewForbidden(a.t.GR(), obj.GetName(),
			fmt.Errorf("unable to create new content in namespace %s because it is being terminated", a.t.Namespace))
		err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{
			Type:    corev1.NamespaceTerminatingCause,
			Message: fmt.Sprintf("namespace %s is being terminated", a.t.Namespace),
			Field:   "metadata.namespace",
		})
		return store.Guard{}, err
	}
	return store.Guard{Key: key, Revision: rec.Revision, Value: rec.Value}, nil
}
