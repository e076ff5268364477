package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/store"
)

// Delete ends the object, or, where finalizers, a grace period or its kind hold it, marks it so that it ends when
// they let go. Errors: 404; 409 when a precondition does not hold; 403 for what may not be deleted.
func (e *Engine) Delete(ctx context.Context, req *request.Request, t Target, o *metav1.DeleteOptions) (Result, error) {
	if slices.Contains(t.Resource.Rules.Immortal, t.Name) {
		return Result{}, apierrors.NewForbidden(t.GR(), t.Name, errors.New("this namespace may not be deleted"))
	}
	m := &mutation{t: t, req: req, dryRun: len(o.DryRun) > 0}
	return e.attempts(ctx, m, func(a *attempt) (Result, bool, error) { return a.deleteOnce(ctx, o) })
}

func (a *attempt) deleteOnce(ctx context.Context, o *metav1.DeleteOptions) (res Result, again bool, err error) {
	t, rules := a.t, &a.t.Resource.Rules
	if a.old == nil {
		return res, false, t.notFound()
	}
	// What cannot be shown to the client cannot be deleted by him.
	if err := cache.Convert(ctx, []*cache.Record{a.old}, t.Version); err != nil {
		return res, false, err
	}
	old, err := a.old.Object()
	if err != nil {
		return res, false, err
	}
	if err := preconditions(t, old, o); err != nil {
		return res, false, err
	}

	// What stays is marked; obj is what it will be.
	obj := old.DeepCopyObject().(object.Object)
	if hook := t.Resource.Deleting; hook != nil {
		if obj.GetDeletionTimestamp() == nil {
			return a.deleting(ctx, old, obj, o)
		}
		if a.t.Resource.Held != nil && a.t.Resource.Held(obj) {
			return Result{Record: a.old, Accepted: accepted(o)}, false, nil // it is on its way already
		}
	}
	graceful, pending := a.grace(obj, o)
	if pending {
		return a.shown(a.old, o)
	}
	setFinalizers(obj, rules.DefaultGC, o)
	finalizers := len(obj.GetFinalizers()) > 0
	if !graceful && !finalizers {
		return a.finish(ctx, old)
	}
	if !graceful {
		a.mark(obj)
	}
	res, again, err = a.replace(ctx, obj, accepted(o))
	if err != nil || again || a.dryRun || finalizers || *obj.GetDeletionGracePeriodSeconds() > 0 {
		return res, again, err
	}
	// A grace period of 0: watchers have seen the mark, and now the object goes.
	a.old = res.Record
	if o.Preconditions != nil {
		o.Preconditions.ResourceVersion = nil
	}
	return res, true, nil
}

// deleting is the first delete of a kind that decides for itself what stays (a Namespace).
func (a *attempt) deleting(ctx context.Context, old, obj object.Object, o *metav1.DeleteOptions) (res Result, again bool, err error) {
	t := a.t
	now := metav1.NewTime(a.req.Now.Truncate(time.Second))
	obj.SetDeletionTimestamp(&now)
	setFinalizers(obj, t.Resource.Rules.DefaultGC, o)
	c := &resource.Change{Req: a.req, Op: resource.OpDelete, Resource: t.Resource, Version: t.Version, Namespace: t.Namespace, Name: t.Name,
		Old: old, New: obj, DryRun: a.dryRun, Now: a.req.Now}
	keep, err := t.Resource.Deleting(ctx, c)
	if err != nil {
		return res, false, err
	}
	if !keep {
		return a.finish(ctx, old)
	}
	return a.replace(ctx, c.New, accepted(o))
}

// accepted is whether a delete that goes on is answered with 202: only the old orphanDependents=false asks for it.
func accepted(o *metav1.DeleteOptions) bool {
	return o.OrphanDependents != nil && !*o.OrphanDependents
}

// replace commits obj, the old object marked for deletion.
func (a *attempt) replace(ctx context.Context, obj object.Object, accepted bool) (res Result, again bool, err error) {
	t := a.t
	value, head, err := t.Resource.Storage().Codec.EncodeStored(obj)
	if err != nil {
		return res, false, err
	}
	if bytes.Equal(value, a.old.Value) {
		return Result{Record: a.old, Accepted: accepted}, false, nil
	}
	if a.dryRun {
		shown, err := a.dry(ctx, value)
		return Result{Object: shown, Kind: t.Kind(), Accepted: accepted}, false, err
	}
	guards := []store.Guard{{Key: t.Key(), Revision: a.old.Revision, Value: a.old.Value}}
	rec := a.table.Prepare(t.Key(), value, head, obj, true)
	revs, err := a.commit(ctx, "update", guards, []store.Op{{Key: t.Key(), Value: value}})
	if err != nil {
		a.table.Forget(rec)
		return a.lost(ctx, err, guards)
	}
	rec, err = a.applied(ctx, rec, revs)
	return Result{Record: rec, Accepted: accepted}, false, err
}

// finish takes the record out of the store. last is what an update that caused it has made of the object; a
// delete answers with what was stored.
func (a *attempt) finish(ctx context.Context, last object.Object) (res Result, again bool, err error) {
	t := a.t
	updating := a.change != nil
	rev := a.old.Revision
	if !a.dryRun {
		guards := []store.Guard{{Key: t.Key(), Revision: a.old.Revision, Value: a.old.Value}}
		revs, err := a.commit(ctx, "delete", guards, []store.Op{{Key: t.Key()}})
		if err != nil {
			return a.lost(ctx, err, guards)
		}
		rev = revs[0]
		if err := a.Cache.WaitApplied(ctx, rev); err != nil {
			return res, false, err
		}
	}
	if !updating && !t.Resource.Rules.ReturnDeleted {
		return Result{Status: &metav1.Status{Status: metav1.StatusSuccess, Details: &metav1.StatusDetails{
			Name: t.Name, Group: t.Version.Group, Kind: t.Resource.Names.Plural, UID: last.GetUID()}}}, false, nil
	}
	if !updating {
		last.SetResourceVersion(fmt.Sprint(rev))
	}
	shown, err := resource.Convert(ctx, last, t.Resource.Storage(), t.Version)
	return Result{Object: shown, Kind: t.Kind()}, false, err
}

// shown answers a delete that had nothing to do.
func (a *attempt) shown(rec *cache.Record, o *metav1.DeleteOptions) (Result, bool, error) {
	if a.t.Resource.Rules.ReturnDeleted {
		return Result{Record: rec, Accepted: accepted(o)}, false, nil
	}
	return Result{Accepted: accepted(o), Status: &metav1.Status{Status: metav1.StatusSuccess, Details: &metav1.StatusDetails{
		Name: a.t.Name, Group: a.t.Version.Group, Kind: a.t.Resource.Names.Plural, UID: rec.Head.UID}}}, false, nil
}

// released says whether an update lets go of a dying object.
func released(r *resource.Resource, old, obj object.Object) bool {
	if len(obj.GetFinalizers()) > 0 || old.GetDeletionTimestamp() == nil {
		return false
	}
	if r.Held != nil && r.Held(obj) {
		return false
	}
	s := old.GetDeletionGracePeriodSeconds()
	return s == nil || *s == 0
}

// mark begins the deletion of an object that finalizers hold, without a grace period.
func (a *attempt) mark(obj object.Object) {
	if obj.GetDeletionTimestamp() == nil && obj.GetGeneration() > 0 {
		obj.SetGeneration(obj.GetGeneration() + 1)
	}
	now := metav1.NewTime(a.req.Now.Truncate(time.Second))
	if t := obj.GetDeletionTimestamp(); t == nil || t.After(now.Time) {
		obj.SetDeletionTimestamp(&now)
	}
	zero := int64(0)
	obj.SetDeletionGracePeriodSeconds(&zero)
}

// grace sets a graceful deletion's time on obj. pending: one is under way that this request does not shorten.
// The time that was wished is answered in o, as the reference does.
func (a *attempt) grace(obj object.Object, o *metav1.DeleteOptions) (graceful, pending bool) {
	if s := o.GracePeriodSeconds; s != nil && *s < 0 {
		one := int64(1)
		o.GracePeriodSeconds = &one
	}
	decide := a.t.Resource.Rules.Grace
	if decide == nil {
		return false, false
	}
	now := a.req.Now.Truncate(time.Second)
	if at := obj.GetDeletionTimestamp(); at != nil {
		was := obj.GetDeletionGracePeriodSeconds()
		if was == nil || *was == 0 {
			return false, false
		}
		if o.GracePeriodSeconds == nil || *o.GracePeriodSeconds >= *was {
			return false, true
		}
		period := *o.GracePeriodSeconds
		end := at.Add(time.Duration(period-*was) * time.Second)
		if end.Before(now) {
			end = now
			if period != 0 {
				period = 1
			}
		}
		t := metav1.NewTime(end)
		obj.SetDeletionTimestamp(&t)
		obj.SetDeletionGracePeriodSeconds(&period)
		return true, false
	}
	period := decide(obj, o.GracePeriodSeconds)
	end := metav1.NewTime(now.Add(time.Duration(period) * time.Second))
	obj.SetDeletionTimestamp(&end)
	obj.SetDeletionGracePeriodSeconds(&period)
	if obj.GetGeneration() > 0 {
		obj.SetGeneration(obj.GetGeneration() + 1)
	}
	return true, false
}

// setFinalizers adds or takes away the garbage collector's finalizers, as the request or the kind wants its
// dependents treated.
func setFinalizers(obj object.Object, policy resource.GCPolicy, o *metav1.DeleteOptions) {
	if obj.GetDeletionTimestamp() != nil && policy == resource.GCUnsupported {
		return
	}
	have := obj.GetFinalizers()
	orphan, foreground := dependents(have, policy, o)
	var out []string
	for _, f := range have {
		if f != metav1.FinalizerOrphanDependents && f != metav1.FinalizerDeleteDependents {
			out = append(out, f)
		}
	}
	if orphan {
		out = append(out, metav1.FinalizerOrphanDependents)
	}
	if foreground {
		out = append(out, metav1.FinalizerDeleteDependents)
	}
	x, y := slices.Clone(have), slices.Clone(out)
	slices.Sort(x)
	slices.Sort(y)
	if !slices.Equal(x, y) {
		obj.SetFinalizers(out)
	}
}

func dependents(have []string, policy resource.GCPolicy, o *metav1.DeleteOptions) (orphan, foreground bool) {
	if policy == resource.GCUnsupported {
		return false, false
	}
	if o.OrphanDependents != nil {
		return *o.OrphanDependents, false
	}
	if o.PropagationPolicy != nil {
		switch *o.PropagationPolicy {
		case metav1.DeletePropagationOrphan:
			return true, false
		case metav1.DeletePropagationForeground:
			return false, true
		case metav1.DeletePropagationBackground:
			return false, false
		}
	}
	for _, f := range have {
		switch f {
		case metav1.FinalizerOrphanDependents:
			return true, false
		case metav1.FinalizerDeleteDependents:
			return false, true
		}
	}
	return policy == resource.GCOrphan, false
}

func preconditions(t Target, old object.Object, o *metav1.DeleteOptions) error {
	p := o.Preconditions
	if p == nil {
		return nil
	}
	uid := p.UID != nil && *p.UID != old.GetUID()
	rv := p.ResourceVersion != nil && *p.ResourceVersion != old.GetResourceVersion()
	if t.Resource.Deleting != nil { // such kinds have words of their own
		switch {
		case uid:
			return apierrors.NewConflict(t.GR(), t.Name, fmt.Errorf("Precondition failed: UID in precondition: %v, UID in object meta: %v", *p.UID, old.GetUID()))
		case rv:
			return apierrors.NewConflict(t.GR(), t.Name, fmt.Errorf("Precondition failed: ResourceVersion in precondition: %v, ResourceVersion in object meta: %v", *p.ResourceVersion, old.GetResourceVersion()))
		}
		return nil
	}
	gr := kschema.GroupResource{Group: t.Version.Group, Resource: t.Resource.Names.Kind}
	switch {
	case uid:
		return apierrors.NewConflict(gr, t.Name, fmt.Errorf("the UID in the precondition (%s) does not match the UID in record (%s). The object might have been deleted and then recreated", *p.UID, old.GetUID()))
	case rv:
		return apierrors.NewConflict(gr, t.Name, fmt.Errorf("the ResourceVersion in the precondition (%s) does not match the ResourceVersion in record (%s). The object might have been modified", *p.ResourceVersion, old.GetResourceVersion()))
	}
	return nil
}

// DeleteCollection deletes what a list selects, and returns that list as it was before. An object that is gone when
// its turn comes is no error.
func (e *Engine) DeleteCollection(ctx context.Context, req *request.Request, t Target, o *metav1.DeleteOptions, lo ListOptions) (*List, error) {
	list, err := e.List(ctx, req, t, lo)
	if err != nil {
		return nil, err
	}
	for _, r := range list.Records {
		one := t
		one.Namespace, one.Name = r.Key.Namespace, r.Key.Name
		_, err := e.Delete(ctx, req, one, o.DeepCopy())
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	return list, nil
}
