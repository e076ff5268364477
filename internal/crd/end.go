package crd

import (
	"context"
	"fmt"
	"slices"
	"time"

	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/crd/definition"
	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/resource"
)

// patience is how long the objects of a deleted definition may stay before its status tells that they do.
const patience = time.Minute

// end sees a deleted definition to its end: no more objects are created, those that there are are deleted, and when
// the last one has gone the definition's finalizer is taken off. What stays is told in the condition Terminating, and
// tried again.
func (m *Manager) end(ctx context.Context, name string, uid types.UID) {
	for wait := 100 * time.Millisecond; ctx.Err() == nil; wait = min(2*wait, 30*time.Second) {
		done, err := m.endOnce(ctx, name, uid)
		if done {
			return
		}
		if err != nil && ctx.Err() == nil {
			m.cfg.Logger.Warn("a CustomResourceDefinition could not be ended", "name", name, "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (m *Manager) endOnce(ctx context.Context, name string, uid types.UID) (done bool, err error) {
	terminating := func(status v1beta1.ConditionStatus, reason, message string) v1beta1.CustomResourceDefinitionCondition {
		return v1beta1.CustomResourceDefinitionCondition{Type: v1beta1.Terminating, Status: status, Reason: reason, Message: message}
	}
	// say writes the condition, and takes the finalizer off when it is the last one. false: the definition is gone.
	say := func(c v1beta1.CustomResourceDefinitionCondition, last bool) (bool, error) {
		rec := m.table().Get(m.target(name, "").Key())
		if rec == nil || rec.Head.UID != uid {
			return false, nil
		}
		now, err := m.update(ctx, name, rec, func(crd *v1beta1.CustomResourceDefinition) bool {
			definition.SetCondition(crd, c, m.cfg.Clock())
			if last {
				crd.Finalizers = slices.DeleteFunc(crd.Finalizers, func(f string) bool { return f == v1.CustomResourceCleanupFinalizer })
			}
			return true // what changes nothing is not written
		})
		return now != nil, err
	}
	there, err := say(terminating(v1beta1.ConditionTrue, "InstanceDeletionInProgress", "CustomResource deletion is in progress"), false)
	if err != nil || !there {
		return !there && err == nil, err
	}
	last := terminating(v1beta1.ConditionFalse, "InstanceDeletionCompleted", "removed all instances")
	d, rec, err := m.document(name, uid)
	if err != nil || d == nil {
		return d == nil && err == nil, err
	}
	if !d.is(v1.Established) {
		last = terminating(v1beta1.ConditionFalse, "NeverEstablished", "resource was never established")
	} else if c, err := m.empty(ctx, d, rec, terminating); err != nil {
		if _, serr := say(c, false); serr != nil {
			return false, serr
		}
		return false, err
	}
	_, err = say(last, true)
	return err == nil, err
}

// document reads a definition as it is now; nil when it is gone.
func (m *Manager) document(name string, uid types.UID) (*document, *cache.Record, error) {
	rec := m.table().Get(m.target(name, "").Key())
	if rec == nil || rec.Head.UID != uid {
		return nil, nil, nil
	}
	d, err := read(rec)
	return d, rec, err
}

// empty deletes a definition's objects and waits until they are gone, for as long as it has patience. The condition is
// what to say when that fails.
func (m *Manager) empty(ctx context.Context, d *document, rec *cache.Record,
	terminating func(v1beta1.ConditionStatus, string, string) v1beta1.CustomResourceDefinitionCondition) (v1beta1.CustomResourceDefinitionCondition, error) {
	r, converter := m.resourceOf(d, rec)
	defer converter.Close()
	t := engine.Target{Resource: r, Version: r.Storage()}
	background := metav1.DeletePropagationBackground
	_, err := m.cfg.Engine.DeleteCollection(ctx, m.request(), t, &metav1.DeleteOptions{PropagationPolicy: &background}, engine.ListOptions{})
	if err != nil {
		return terminating(v1beta1.ConditionTrue, "InstanceDeletionFailed", fmt.Sprintf("could not issue all deletes: %v", err)), err
	}
	if err = m.waitEmpty(ctx, r); err != nil {
		return terminating(v1beta1.ConditionTrue, "InstanceDeletionCheck", fmt.Sprintf("could not confirm zero CustomResources remaining: %v", err)), err
	}
	return v1beta1.CustomResourceDefinitionCondition{}, nil
}

func (m *Manager) waitEmpty(ctx context.Context, r *resource.Resource) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	t := engine.Target{Resource: r, Version: r.Storage()}
	w, err := m.cfg.Engine.Watch(ctx, m.request(), t, engine.ListOptions{})
	if err != nil {
		return err
	}
	defer w.Close()
	for {
		table, err := m.cfg.Engine.Cache.Table(ctx, r)
		if err != nil {
			return err
		}
		if table.Len() == 0 {
			return nil
		}
		if _, err := w.Next(ctx); err != nil {
			return err
		}
	}
}
