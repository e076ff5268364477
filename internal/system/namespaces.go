package system

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// retryNamespace is how long the controller waits before it looks again at a namespace whose content stays.
const retryNamespace = time.Second

// RunNamespaces ends deleted namespaces until ctx is done: it deletes what is in them, says in their conditions what
// stays and why, and takes the finalizer "kubernetes" off when nothing is left.
func RunNamespaces(ctx context.Context, c Config) {
	for ctx.Err() == nil {
		if err := c.watchNamespaces(ctx); err != nil && ctx.Err() == nil {
			c.Logger.Debug("the watch of namespaces ended", "err", err)
		}
	}
}

func (c *Config) watchNamespaces(ctx context.Context) error {
	row, ok := c.Catalog.Load().Lookup("", "v1", "namespaces")
	if !ok {
		<-ctx.Done()
		return nil
	}
	t := engine.Target{Resource: row.Resource, Version: row.Version}
	w, err := c.Engine.Watch(ctx, c.request(), t, engine.ListOptions{})
	if err != nil {
		return err
	}
	defer w.Close()
	waiting := map[string]bool{} // namespaces whose content stays
	for {
		wait, cancel := ctx, context.CancelFunc(func() {})
		if len(waiting) > 0 {
			wait, cancel = context.WithTimeout(ctx, retryNamespace)
		}
		events, err := w.Next(wait)
		cancel()
		if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
			return err
		}
		for _, e := range events {
			if e.Record != nil && e.Record.Head.Deleting() {
				waiting[e.Record.Key.Name] = true
			}
		}
		for name := range waiting {
			t.Name = name
			gone, err := c.endNamespace(ctx, t)
			if err != nil && ctx.Err() == nil {
				c.Logger.Warn("a namespace could not be ended", "namespace", name, "err", err)
			}
			if gone {
				delete(waiting, name)
			}
		}
	}
}

// endNamespace does one round of a terminating namespace. gone: there is nothing more to do.
func (c *Config) endNamespace(ctx context.Context, t engine.Target) (gone bool, err error) {
	got, err := c.Engine.Get(ctx, c.request(), t, "")
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	obj, err := got.Record.Object()
	if err != nil {
		return false, err
	}
	ns, ok := obj.(*corev1.Namespace)
	if !ok || ns.DeletionTimestamp == nil || !slices.Contains(ns.Spec.Finalizers, corev1.FinalizerKubernetes) {
		return true, nil
	}
	left := c.empty(ctx, ns.Name)
	if !left.nothing() {
		return false, c.saySo(ctx, t, ns, left)
	}
	t.Sub = t.Version.Sub("finalize")
	if t.Sub == nil {
		return false, errors.New("namespaces have no finalize")
	}
	ns.Spec.Finalizers = slices.DeleteFunc(ns.Spec.Finalizers, func(f corev1.FinalizerName) bool { return f == corev1.FinalizerKubernetes })
	_, err = c.Engine.Update(ctx, c.request(), t, ns, metav1.UpdateOptions{FieldManager: manager})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		err = nil
	}
	if err != nil || len(ns.Spec.Finalizers) > 0 || len(ns.Finalizers) > 0 {
		return len(ns.Spec.Finalizers) > 0, err
	}
	return true, nil
}

// remains is what a round has left in a namespace.
type remains struct {
	objects    map[string]int // "configmaps." to how many
	finalizers map[string]int
	errs       []string
}

func (r *remains) nothing() bool { return len(r.objects) == 0 && len(r.errs) == 0 }

// empty deletes what is in a namespace and counts what stays.
func (c *Config) empty(ctx context.Context, namespace string) remains {
	left := remains{objects: map[string]int{}, finalizers: map[string]int{}}
	background := metav1.DeletePropagationBackground
	for r := range c.Catalog.Load().Resources {
		if r.Scope != resource.Namespaced || !r.Stored() || !r.Verbs.Has(resource.Delete) {
			continue
		}
		t := engine.Target{Resource: r, Version: r.Storage(), Namespace: namespace}
		_, err := c.Engine.DeleteCollection(ctx, c.request(), t, &metav1.DeleteOptions{PropagationPolicy: &background}, engine.ListOptions{})
		if err != nil {
			left.errs = append(left.errs, err.Error())
		}
		list, err := c.Engine.List(ctx, c.request(), t, engine.ListOptions{})
		if err != nil {
			left.errs = append(left.errs, err.Error())
			continue
		}
		for _, rec := range list.Records {
			left.objects[r.Names.Plural+"."+t.Version.Group]++
			if obj, err := rec.Object(); err == nil {
				for _, f := range obj.GetFinalizers() {
					left.finalizers[f]++
				}
			}
		}
	}
	return left
}

// The conditions of a namespace in its last days, in their order, and what they say when all is well.
var conditions = []corev1.NamespaceCondition{
	{Type: corev1.NamespaceDeletionDiscoveryFailure, Reason: "ResourcesDiscovered", Message: "All resources successfully discovered"},
	{Type: corev1.NamespaceDeletionGVParsingFailure, Reason: "ParsedGroupVersions", Message: "All legacy kube types successfully parsed"},
	{Type: corev1.NamespaceDeletionContentFailure, Reason: "ContentDeleted", Message: "All content successfully deleted, may be waiting on finalization"},
	{Type: corev1.NamespaceContentRemaining, Reason: "ContentRemoved", Message: "All content successfully removed"},
	{Type: corev1.NamespaceFinalizersRemaining, Reason: "ContentHasNoFinalizers", Message: "All content-preserving finalizers finished"},
}

// saySo writes into the namespace's conditions what holds it.
func (c *Config) saySo(ctx context.Context, t engine.Target, ns *corev1.Namespace, left remains) error {
	now := metav1.NewTime(c.Clock().Truncate(time.Second))
	changed := false
	for _, want := range conditions {
		want.Status = corev1.ConditionFalse
		switch {
		case want.Type == corev1.NamespaceDeletionContentFailure && len(left.errs) > 0:
			slices.Sort(left.errs)
			want.Status, want.Reason = corev1.ConditionTrue, "ContentDeletionFailed"
			want.Message = fmt.Sprintf("Failed to delete all resource types, %d remaining: %s", len(left.errs), strings.Join(left.errs, ", "))
		case want.Type == corev1.NamespaceContentRemaining && len(left.objects) > 0:
			want.Status, want.Reason = corev1.ConditionTrue, "SomeResourcesRemain"
			want.Message = "Some resources are remaining: " + counted(left.objects, "%s has %d resource instances")
		case want.Type == corev1.NamespaceFinalizersRemaining && len(left.finalizers) > 0:
			want.Status, want.Reason = corev1.ConditionTrue, "SomeFinalizersRemain"
			want.Message = "Some content in the namespace has finalizers remaining: " + counted(left.finalizers, "%s in %d resource instances")
		}
		want.LastTransitionTime = now
		i := slices.IndexFunc(ns.Status.Conditions, func(x corev1.NamespaceCondition) bool { return x.Type == want.Type })
		if i < 0 {
			ns.Status.Conditions = append(ns.Status.Conditions, want)
			changed = true
			continue
		}
		was := &ns.Status.Conditions[i]
		if was.Status == want.Status && was.Message == want.Message && was.Reason == want.Reason {
			continue
		}
		if was.Status == want.Status {
			want.LastTransitionTime = was.LastTransitionTime
		}
		*was, changed = want, true
	}
	if !changed {
		return nil
	}
	t.Sub = t.Version.Sub("status")
	var obj object.Object = ns
	_, err := c.Engine.Update(ctx, c.request(), t, obj, metav1.UpdateOptions{FieldManager: manager})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil // the next round looks again
	}
	return err
}

func counted(m map[string]int, format string) string {
	var lines []string
	for k, n := range m {
		lines = append(lines, fmt.Sprintf(format, k, n))
	}
	slices.Sort(lines)
	return strings.Join(lines, ", ")
}
