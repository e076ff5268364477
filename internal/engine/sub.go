package engine

import (
	"context"
	"errors"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/patch"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/resource"
)

// This file serves subresources whose body is of a kind of their own (scale, binding): their View and Do stand
// between the request and the write of the parent.

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
// what the subresource shows now (nil when it shows nothing) and returns that body, with its managed fields.
func (e *Engine) writeSub(ctx context.Context, req *request.Request, t Target, op resource.Op, dryRun bool,
	make func(ctx context.Context, shown object.Object) (object.Object, error)) (Result, error) {
	var answer runtime.Object
	m := &mutation{t: t, req: req, dryRun: dryRun}
	m.change = func(ctx context.Context, old object.Object) (object.Object, error) {
		c := &resource.Change{Req: req, Op: op, Resource: t.Resource, Version: t.Version, Sub: t.Sub, Namespace: t.Namespace, Name: t.Name,
			Old: old, DryRun: dryRun, Now: req.Now}
		if old == nil {
			return nil, t.notFound()
		}
		var shown object.Object
		var err error
		if t.Sub.View != nil {
			start := t.Sub.Start
			if start == nil {
				start = t.Sub.View
			}
			if shown, err = start(old); err != nil {
				return nil, err
			}
			managers, err := patch.ToScale(old.GetManagedFields(), counted(t))
			if err != nil {
				return nil, err
			}
			shown.SetManagedFields(managers)
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
		if t.Sub.View == nil {
			return c.New, nil // what is only written (a binding) is nobody's field
		}
		managers, err := patch.FromScale(old.GetManagedFields(), c.Body.GetManagedFields(), t.Version.APIVersion(), counted(t))
		c.New.SetManagedFields(managers)
		return c.New, err
	}
	res, err := e.write(ctx, m)
	switch {
	case errors.Is(err, errNothing):
		return subAnswer(t, op, answer), nil
	case err != nil:
		return Result{}, err
	case answer != nil || t.Sub.View == nil:
		return subAnswer(t, op, answer), nil
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

// subAnswer is what a subresource has answered by itself: an object of its kind, or a Status.
func subAnswer(t Target, op resource.Op, answer runtime.Object) Result {
	kind := t.Sub.Kind
	if status, ok := answer.(*metav1.Status); ok {
		kind = metav1.Unversioned.WithKind("Status")
		if op == resource.OpCreate {
			status.Code = http.StatusCreated
		}
	}
	return Result{Object: answer, Kind: kind, Created: op == resource.OpCreate}
}

// errNothing ends a write that a subresource has answered without changing its parent.
var errNothing = apierrors.NewInternalError(errors.New("the subresource has written nothing"))

// replaceSub writes a subresource's body as it came.
func (e *Engine) replaceSub(ctx context.Context, req *request.Request, t Target, op resource.Op, body object.Object, by string, dryRun bool) (Result, error) {
	return e.writeSub(ctx, req, t, op, dryRun, func(_ context.Context, shown object.Object) (object.Object, error) {
		obj := body.DeepCopyObject().(object.Object)
		e.trackSub(t, req, shown, obj, by)
		return obj, nil
	})
}

// patchSub patches what a subresource shows, and writes that.
func (e *Engine) patchSub(ctx context.Context, req *request.Request, t Target, p Patch, o metav1.PatchOptions) (Result, error) {
	codec := &object.Codec{Kind: t.Sub.Kind, New: t.Sub.Body}
	apply := p.Type == types.ApplyYAMLPatchType || p.Type == types.ApplyCBORPatchType
	return e.writeSub(ctx, req, t, resource.OpUpdate, len(o.DryRun) > 0, func(ctx context.Context, shown object.Object) (object.Object, error) {
		if shown == nil {
			return nil, apierrors.NewMethodNotSupported(t.GR(), "patch")
		}
		if apply && t.Sub.Schema != nil {
			shown.GetObjectKind().SetGroupVersionKind(t.Sub.Kind)
			return e.merged(t.Sub.Schema(), subManager(t, req, o.FieldManager), req, shown, p, o, nil, nil, nil)
		}
		obj, err := e.patched(codec, t, req, shown, p, o.FieldValidation)
		if err != nil {
			return nil, err
		}
		e.trackSub(t, req, shown, obj, o.FieldManager)
		return obj, nil
	})
}

func (e *Engine) trackSub(t Target, req *request.Request, shown, obj object.Object, by string) {
	if shown != nil && t.Sub.Schema != nil {
		_ = e.Tracker.Update(t.Sub.Schema(), shown, obj, subManager(t, req, by), nil, nil)
	}
}

// subManager is who a write's fields belong to in what a subresource shows.
func subManager(t Target, req *request.Request, by string) patch.Manager {
	m := manager(t, req, by)
	m.APIVersion = t.Sub.Kind.GroupVersion().String()
	return m
}

// counted says where each version of the target's resource keeps what its scale sets.
func counted(t Target) patch.ReplicasPaths {
	paths := patch.ReplicasPaths{}
	for i := range t.Resource.Versions {
		v := &t.Resource.Versions[i]
		paths[v.APIVersion()] = nil
		if s := v.Sub(t.Sub.Name); s != nil {
			paths[v.APIVersion()] = s.Counted
		}
	}
	return paths
}
