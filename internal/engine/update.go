package engine

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/pintle-io/pintle/internal/cache"
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
		return e.writeSub(ctx, req, t, resource.OpUpdate, o.FieldManager, len(o.DryRun) > 0, constant(body))
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
			from := t.Resource.Of(obj.GetObjectKind().GroupVersionKind())
			if from == nil {
				from = t.Version
			}
			out, err := resource.Convert(context.Background(), obj.DeepCopyObject().(object.Object), from, v)
			if err != nil {
				return nil, nil, err
			}
			return out, v.Schema(), nil
		}
		return nil, nil, patch.ErrMissingVersion
	}
}

// view is what a subresource of a kind of its own shows of its parent.
func (e *Engine) view(t Target, rec *cache.Record) (Result, error) {
	parent, err := rec.In(t.Version)
	if err != nil {
		return Result{}, e.status(err, t)
	}
	obj, err := t.Sub.View(parent)
	return Result{Object: obj, Kind: t.Sub.Kind}, e.status(err, t)
}

// writeSub writes the parent as a subresource's Do makes it of a body of the subresource's own kind. make is given
// what the subresource shows now (nil when it shows nothing) and returns that body.
func (e *Engine) writeSub(ctx context.Context, req *request.Request, t Target, op resource.Op, by string, dryRun bool,
	make func(ctx context.Context, shown object.Object) (object.Object, error)) (Result, error) {
	var answer runtime.Object
	m := &mutation{t: t, req: req, dryRun: dryRun}
	m.change = func(ctx context.Context, old object.Object) (object.Object, error) {
		c := &resource.Change{Req: req, Op: op, Resource: t.Resource, Version: t.Version, Sub: t.Sub, Namespace: t.Namespace, Name: t.Name,
			Old: old, DryRun: dryRun, Now: req.Now}
		var shown object.Object
		var err error
		if t.Sub.View != nil {
			if shown, err = t.Sub.View(old); err != nil {
				return nil, err
			}
		}
		if c.Body, err = make(ctx, shown); err != nil {
			return nil, err
		}
		var guards []resource.Guard
		var writes []resource.Write
		if answer, guards, writes, err = t.Sub.Do(ctx, c); err != nil {
			return nil, err
		}
		if m.guards, m.ops, err = e.further(nil, nil, guards, writes); err != nil {
			return nil, err
		}
		if c.New == nil {
			return nil, errNothing
		}
		if t.Sub.View != nil { // what is only written (a binding) is nobody's field
			e.track(t, old, c.New, req, by)
		}
		return c.New, nil
	}
	res, err := e.write(ctx, m)
	switch {
	case errors.Is(err, errNothing):
		return Result{Object: answer, Kind: t.Sub.Kind, Created: op == resource.OpCreate}, nil
	case err != nil:
		return Result{}, err
	case answer != nil || t.Sub.View == nil:
		return Result{Object: answer, Kind: t.Sub.Kind, Created: op == resource.OpCreate}, nil
	case res.Record != nil:
		return e.view(t, res.Record)
	}
	parent, ok := res.Object.(object.Object)
	if !ok {
		return Result{}, apierrors.NewInternalError(errors.New("the parent of a subresource has no metadata"))
	}
	obj, err := t.Sub.View(parent)
	return Result{Object: obj, Kind: t.Sub.Kind}, e.status(err, t)
}

// errNothing ends a write that a subresource has answered without changing its parent.
var errNothing = apierrors.NewInternalError(errors.New("the subresource has written nothing"))

// constant is a body that does not depend on what is there.
func constant(body object.Object) func(context.Context, object.Object) (object.Object, error) {
	return func(context.Context, object.Object) (object.Object, error) {
		return body.DeepCopyObject().(object.Object), nil
	}
}
