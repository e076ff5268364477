package engine

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/patch"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/schema"
	"github.com/pintle-io/pintle/internal/store"
)

// Update replaces the object by body, which it owns from now on. Errors: 404 (unless the kind is created by
// updates), 409 when body's resourceVersion or uid is not the object's, 422 for what is invalid.
func (e *Engine) Update(ctx context.Context, req *request.Request, t Target, body object.Object, o metav1.UpdateOptions) (Result, error) {
	if t.Sub != nil && t.Sub.Do != nil {
		return e.updateSub(ctx, req, t, body, len(o.DryRun) > 0)
	}
	dedupOwners(req, body, false)
	m := &mutation{t: t, req: req, dryRun: len(o.DryRun) > 0, uid: body.GetUID(),
		mayCreate: t.Resource.Rules.CreateOnUpdate && t.Sub == nil}
	first := true
	m.change = func(ctx context.Context, old object.Object) (object.Object, error) {
		obj := body
		if !first || e.Store.Shared() {
			obj = body.DeepCopyObject().(object.Object)
		} else if mayRetry(t, body) {
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
			out, err := resource.Convert(context.Background(), obj.DeepCopyObject().(object.Object), t.Version, v)
			if err != nil {
				return nil, nil, err
			}
			return out, v.Schema(), nil
		}
		return nil, nil, patch.ErrMissingVersion
	}
}

// doSub calls a subresource's Do on the parent object.
func (e *Engine) doSub(ctx context.Context, req *request.Request, t Target, rec *cache.Record, op resource.Op, body object.Object, dryRun bool) (Result, error) {
	parent, err := rec.Object()
	if err != nil {
		return Result{}, e.status(err, t)
	}
	c := &resource.Change{Req: req, Op: op, Resource: t.Resource, Version: t.Version, Sub: t.Sub, Namespace: t.Namespace, Name: t.Name,
		Old: parent, Body: body, DryRun: dryRun, Now: req.Now}
	obj, _, _, err := t.Sub.Do(ctx, c)
	return Result{Object: obj, Kind: t.Sub.Kind}, e.status(err, t)
}

// updateSub writes the parent as a subresource's Do makes it of a body of the subresource's own kind.
func (e *Engine) updateSub(ctx context.Context, req *request.Request, t Target, body object.Object, dryRun bool) (Result, error) {
	return e.writeSub(ctx, req, t, dryRun, func(context.Context, runtime.Object) (object.Object, error) {
		return body.DeepCopyObject().(object.Object), nil
	})
}

// writeSub is updateSub for a body that depends on what the subresource shows now (a patch of it).
func (e *Engine) writeSub(ctx context.Context, req *request.Request, t Target, dryRun bool,
	make func(ctx context.Context, shown runtime.Object) (object.Object, error)) (Result, error) {
	var answer runtime.Object
	m := &mutation{t: t, req: req, dryRun: dryRun}
	m.change = func(ctx context.Context, old object.Object) (object.Object, error) {
		c := &resource.Change{Req: req, Op: resource.OpGet, Resource: t.Resource, Version: t.Version, Sub: t.Sub, Namespace: t.Namespace, Name: t.Name,
			Old: old, DryRun: dryRun, Now: req.Now}
		var shown runtime.Object
		var err error
		if t.Sub.Verbs.Has(resource.Get) {
			if shown, _, _, err = t.Sub.Do(ctx, c); err != nil {
				return nil, err
			}
		}
		if c.Body, err = make(ctx, shown); err != nil {
			return nil, err
		}
		c.Op = resource.OpUpdate
		if shown == nil {
			c.Op = resource.OpCreate
		}
		var guards []resource.Guard
		var writes []resource.Write
		if answer, guards, writes, err = t.Sub.Do(ctx, c); err != nil {
			return nil, err
		}
		m.guards, m.ops, err = e.further(nil, nil, guards, writes)
		if err != nil {
			return nil, err
		}
		if c.New == nil {
			return nil, errNothing
		}
		e.track(t, old, c.New, req, "")
		return c.New, nil
	}
	res, err := e.write(ctx, m)
	if err == errNothing {
		return Result{Object: answer, Kind: t.Sub.Kind}, nil
	}
	if err != nil {
		return Result{}, err
	}
	if res.Record != nil && t.Sub.Verbs.Has(resource.Get) {
		return e.doSub(ctx, req, t, res.Record, resource.OpGet, nil, dryRun)
	}
	return Result{Object: answer, Kind: t.Sub.Kind, Created: !t.Sub.Verbs.Has(resource.Get)}, nil
}

// errNothing ends a write that a subresource has answered without changing its parent.
var errNothing = apierrors.NewInternalError(store.ErrNotFound)
