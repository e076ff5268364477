package engine

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/patch"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/schema"
)

// Update replaces the object by body, which it owns from now on. Errors: 404 (unless the kind is created by
// updates), 409 when body's resourceVersion or uid is not the object's, 422 for what is invalid.
func (e *Engine) Update(ctx context.Context, req *request.Request, t Target, body object.Object, o metav1.UpdateOptions) (Result, error) {
	if t.Sub != nil && t.Sub.Do != nil {
		return e.replaceSub(ctx, req, t, resource.OpUpdate, body, o.FieldManager, len(o.DryRun) > 0)
	}
	dedupOwners(req, body, false)
	setDefaults(t, body)
	m := &mutation{t: t, req: req, dryRun: len(o.DryRun) > 0, uid: body.GetUID(),
		mayCreate: t.Resource.Rules.CreateOnUpdate && t.Sub == nil}
	first := true
	m.change = func(ctx context.Context, old object.Object) (object.Object, error) {
		obj := body
		if !first || e.Store.Shared() {
			obj = body.DeepCopyObject().(object.Object)
		} else if m.mayCreate || mayRetry(t, body) {
			body = body.DeepCopyObject().(object.Object)
		}
		first = false
		if err := matchNamespace(t, obj); err != nil {
			return nil, err
		}
		e.track(t, old, obj, req, o.FieldManager)
		return obj, nil
	}
	return e.write(ctx, m)
}

// Change updates the target as change has it, which gets the object as it is and returns the one that it is to become:
// what it leaves alone may be the same memory, what it changes must not be. Nil leaves the object as it is. change is
// called again whenever somebody else was faster. The fields belong to the manager by. Errors: 404, 422, and change's own.
func (e *Engine) Change(ctx context.Context, req *request.Request, t Target, by string, change func(old object.Object) (object.Object, error)) (Result, error) {
	return e.write(ctx, &mutation{t: t, req: req, change: func(_ context.Context, old object.Object) (object.Object, error) {
		obj, err := change(old)
		if obj != nil && err == nil {
			e.track(t, old, obj, req, by)
		}
		return obj, err
	}})
}

// mayRetry says whether an update that loses a race can win on the second try: one that names its
// resourceVersion is a conflict then.
func mayRetry(t Target, body object.Object) bool {
	rv := body.GetResourceVersion()
	return rv == "" || rv == "0"
}

// converter turns an object into another version of the target's resource, for managed fields that were written
// there. Nil where the resource has one version only.
func (e *Engine) converter(t Target) patch.Converter {
	return func(obj object.Object, apiVersion string) (object.Object, *schema.Schema, error) {
		for i := range t.Resource.Versions {
			v := &t.Resource.Versions[i]
			if v.APIVersion() != apiVersion {
				continue
			}
			from := t.Resource.Of(obj.GetObjectKind().GroupVersionKind())
			if from == nil {
				from = t.Version
			}
			out, err := resource.Translate(context.Background(), obj.DeepCopyObject().(object.Object), from, v)
			if err != nil {
				return nil, nil, err
			}
			return out, v.Schema(), nil
		}
		return nil, nil, patch.ErrMissingVersion
	}
}
