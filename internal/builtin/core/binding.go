package core

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// Binding is the old way to bind a pod; pods/binding is the new one.
func Binding(pods *resource.Resource) *resource.Resource {
	r := describe.Kind{
		Plural: "bindings", Kind: "Binding", Verbs: resource.Create, Virtual: true, Versions: v1[corev1.Binding](),
	}.Resource()
	r.Alias = &resource.Alias{Resource: pods, Sub: "binding"}
	return r
}

func binding() resource.Subresource {
	return resource.Subresource{
		Name: "binding", Kind: v1Kind("Binding"), Verbs: resource.Create,
		Body: func() object.Object { return &corev1.Binding{} }, Do: bindPod,
	}
}

// bindPod gives a pod its node, once.
func bindPod(_ context.Context, c *resource.Change) (runtime.Object, []resource.Guard, []resource.Write, error) {
	b := c.Body.(*corev1.Binding)
	if b.Name != c.Name {
		return nil, nil, nil, apierrors.NewBadRequest("name in URL does not match name in Binding object")
	}
	if errs := validateBinding(b); len(errs) > 0 {
		return nil, nil, nil, errs.ToAggregate()
	}
	old := c.Old.(*corev1.Pod)
	if err := bindable(old, b, c); err != nil {
		return nil, nil, nil, err
	}
	pod := old.DeepCopy()
	pod.Spec.NodeName = b.Target.Name
	pod.Status.NominatedNodeName = ""
	pod.Annotations = merged(pod.Annotations, b.Annotations)
	pod.Labels = merged(pod.Labels, b.Labels)
	setCondition(&pod.Status, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, metav1.NewTime(c.Now))
	c.New = pod
	return &metav1.Status{Status: metav1.StatusSuccess}, nil, nil, nil
}

func validateBinding(b *corev1.Binding) (errs field.ErrorList) {
	target := field.NewPath("target")
	if b.Target.Kind != "" && b.Target.Kind != "Node" {
		errs = append(errs, field.NotSupported(target.Child("kind"), b.Target.Kind, []string{"Node", "<empty>"}))
	}
	if b.Target.Name == "" {
		errs = append(errs, field.Required(target.Child("name"), ""))
	}
	return errs
}

// bindable says why a pod cannot be bound.
func bindable(pod *corev1.Pod, b *corev1.Binding, c *resource.Change) error {
	conflict := func(resource, format string, args ...any) error {
		return apierrors.NewConflict(schema.GroupResource{Resource: resource}, c.Name, fmt.Errorf(format, args...))
	}
	// The words of the reference's store, key and all.
	precondition := func(format string, args ...any) error {
		return conflict("pods", "StorageError: invalid object, Code: 4, Key: %s%s/%s/%s, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: %s",
			resource.StoreRoot(c.DryRun), c.Resource.Prefix, pod.Namespace, pod.Name, fmt.Sprintf(format, args...))
	}
	switch {
	case b.UID != "" && b.UID != pod.UID:
		return precondition("UID in precondition: %v, UID in object meta: %v", b.UID, pod.UID)
	case b.ResourceVersion != "" && b.ResourceVersion != pod.ResourceVersion:
		return precondition("ResourceVersion in precondition: %v, ResourceVersion in object meta: %v", b.ResourceVersion, pod.ResourceVersion)
	case pod.DeletionTimestamp != nil:
		return conflict("pods/binding", "pod %s is being deleted, cannot be assigned to a host", pod.Name)
	case pod.Spec.NodeName != "":
		return conflict("pods/binding", "pod %v is already assigned to node %q", pod.Name, pod.Spec.NodeName)
	case len(pod.Spec.SchedulingGates) != 0:
		return conflict("pods/binding", "pod %v has non-empty .spec.schedulingGates", pod.Name)
	}
	return nil
}

// merged is a with b written over it.
func merged(a, b map[string]string) map[string]string {
	if len(b) == 0 {
		return a
	}
	if a == nil {
		a = make(map[string]string, len(b))
	}
	for k, v := range b {
		a[k] = v
	}
	return a
}
