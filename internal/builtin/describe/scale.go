package describe

import (
	"context"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// Scaled is how a kind answers to its scale subresource. Replicas points into the object, so that it can be set.
type Scaled[T object.Object] struct {
	Replicas func(T) **int32
	Current  func(T) int32
	Selector func(T) (string, error)
}

// Scale is the scale subresource of a kind.
func Scale[T object.Object](s Scaled[T]) resource.Subresource {
	return resource.Subresource{
		Name: "scale", Kind: schema.GroupVersionKind{Group: "autoscaling", Version: "v1", Kind: "Scale"}, Verbs: Write,
		Generation: true, Counted: []string{"spec", "replicas"},
		Body: func() object.Object { return &autoscalingv1.Scale{} },
		View: func(parent object.Object) (object.Object, error) { return s.view(parent.(T)) },
		Do:   s.write,
	}
}

func (s Scaled[T]) view(parent T) (object.Object, error) {
	selector, err := s.Selector(parent)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	replicas := int32(1)
	if p := *s.Replicas(parent); p != nil {
		replicas = *p
	}
	return &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{
			Name: parent.GetName(), Namespace: parent.GetNamespace(), UID: parent.GetUID(),
			ResourceVersion: parent.GetResourceVersion(), CreationTimestamp: parent.GetCreationTimestamp(),
		},
		Spec:   autoscalingv1.ScaleSpec{Replicas: replicas},
		Status: autoscalingv1.ScaleStatus{Replicas: s.Current(parent), Selector: selector},
	}, nil
}

func (s Scaled[T]) write(_ context.Context, c *resource.Change) (runtime.Object, []resource.Guard, []resource.Write, error) {
	scale := c.Body.(*autoscalingv1.Scale)
	meta := scale.ObjectMeta
	if meta.Namespace == "" {
		meta.Namespace = c.Old.GetNamespace()
	}
	errs := validation.ValidateObjectMeta(&meta, true, validation.NameIsDNSSubdomain, field.NewPath("metadata"))
	if scale.Spec.Replicas < 0 {
		errs = append(errs, field.Invalid(field.NewPath("spec", "replicas"), scale.Spec.Replicas, "must be greater than or equal to 0"))
	}
	if len(errs) > 0 {
		return nil, nil, nil, apierrors.NewInvalid(schema.GroupKind{Group: "autoscaling", Kind: "Scale"}, c.Old.GetName(), errs)
	}
	if scale.UID != "" && scale.UID != c.Old.GetUID() {
		return nil, nil, nil, apierrors.NewConflict(
			schema.GroupResource{Group: c.Version.Group, Resource: c.Resource.Names.Plural + "/scale"}, c.Old.GetName(),
			fmt.Errorf("Precondition failed: UID in precondition: %v, UID in object meta: %v", scale.UID, c.Old.GetUID()))
	}
	parent := c.Old.DeepCopyObject().(T)
	replicas := scale.Spec.Replicas
	*s.Replicas(parent) = &replicas
	parent.SetResourceVersion(scale.ResourceVersion)
	c.New = parent
	return nil, nil, nil, nil
}

// LabelSelector writes a selector as a scale's status has it.
func LabelSelector(s *metav1.LabelSelector) (string, error) {
	sel, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return "", err
	}
	return sel.String(), nil
}
