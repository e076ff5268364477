package core

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// Namespace is a namespace: the one kind whose end waits for spec.finalizers too.
func Namespace() *resource.Resource {
	r := describe.Kind{
		Plural: "namespaces", ReturnDeleted: true, Kind: "Namespace", Short: []string{"ns"}, Cluster: true,
		Verbs:    resource.Standard &^ resource.DeleteCollection,
		Versions: v1[corev1.Namespace](), Status: true,
		Rules: resource.Rules{ValidateName: validation.ValidateNamespaceName, Immortal: []string{metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic}},
		Subs: []resource.Subresource{
			{Name: "finalize", Verbs: resource.Update, Parent: true, Reset: describe.Status},
		},
		FieldError: describe.Unsupported,
		Fields: map[string]func(object.Object) string{
			"status.phase": describe.Field(func(n *corev1.Namespace) string { return string(n.Status.Phase) }),
		},
	}.Resource()
	r.Prepare, r.Validate = prepareNamespace, validateNamespace
	r.Versions[0].Default = func(o object.Object) {
		ns := o.(*corev1.Namespace)
		labelNamespace(ns)
		if ns.Status.Phase == "" {
			ns.Status.Phase = corev1.NamespaceActive
		}
	}
	r.Deleting, r.Held = deletingNamespace, holdNamespace
	return r
}

func prepareNamespace(_ context.Context, c *resource.Change) error {
	ns := c.New.(*corev1.Namespace)
	switch {
	case c.Op == resource.OpCreate:
		ns.Status.Phase = corev1.NamespaceActive
		if !slices.Contains(ns.Spec.Finalizers, corev1.FinalizerKubernetes) {
			ns.Spec.Finalizers = append(ns.Spec.Finalizers, corev1.FinalizerKubernetes)
		}
	case c.Sub == nil:
		// Only namespaces/finalize removes them.
		ns.Spec.Finalizers = c.Old.(*corev1.Namespace).Spec.Finalizers
	}
	// Once more than by default: the name may just have been generated.
	labelNamespace(ns)
	return nil
}

func labelNamespace(ns *corev1.Namespace) {
	if ns.Name == "" || ns.Labels[corev1.LabelMetadataName] == ns.Name {
		return
	}
	if ns.Labels == nil {
		ns.Labels = map[string]string{}
	}
	ns.Labels[corev1.LabelMetadataName] = ns.Name
}

// deletingNamespace turns the first delete of a namespace into a change of its phase: whoever empties it deletes
// it for good.
func deletingNamespace(_ context.Context, c *resource.Change) (bool, error) {
	c.New.(*corev1.Namespace).Status.Phase = corev1.NamespaceTerminating
	return true, nil
}

func holdNamespace(o object.Object) bool { return len(o.(*corev1.Namespace).Spec.Finalizers) > 0 }

// validateNamespace wants finalizers that are Kubernetes's own or have a domain.
func validateNamespace(_ context.Context, c *resource.Change) (errs field.ErrorList) {
	at := field.NewPath("spec", "finalizers")
	finalizing := c.Sub != nil && c.Sub.Name == "finalize"
	for i, f := range c.New.(*corev1.Namespace).Spec.Finalizers {
		if c.Sub != nil && !finalizing {
			break
		}
		path := at
		if finalizing {
			path = at.Index(i)
		}
		for _, msg := range utilvalidation.IsQualifiedName(string(f)) {
			errs = append(errs, field.Invalid(path, string(f), msg))
		}
		switch f {
		case corev1.FinalizerKubernetes, metav1.FinalizerOrphanDependents, metav1.FinalizerDeleteDependents:
			continue
		}
		if !strings.Contains(string(f), "/") {
			errs = append(errs, field.Invalid(path, string(f), "name is neither a standard finalizer name nor is it fully qualified"))
		}
	}
	return errs
}
