package crd

import (
	"context"
	"fmt"
	"math"
	"path"
	"strings"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// scaled is where a custom object keeps what its scale shows. The paths are dotted names, not JSONPaths.
type scaled struct {
	kind                       schema.GroupVersionKind // of the custom object
	specPath                   string
	replicas, status, selector []string
}

// scaleSub is the scale subresource of a version. Its Schema, which apply needs, is that of autoscaling/v1 Scale:
// the caller's to set.
func scaleSub(s *v1.CustomResourceSubresourceScale, kind schema.GroupVersionKind) resource.Subresource {
	sc := &scaled{kind: kind, specPath: s.SpecReplicasPath, replicas: names(s.SpecReplicasPath), status: names(s.StatusReplicasPath)}
	if s.LabelSelectorPath != nil && *s.LabelSelectorPath != "" {
		sc.selector = names(*s.LabelSelectorPath)
	}
	return resource.Subresource{
		Name: "scale", Kind: autoscalingv1.SchemeGroupVersion.WithKind("Scale"), Verbs: resource.Get | resource.Patch | resource.Update,
		Generation: true, Counted: sc.replicas, Columns: scaleColumns(),
		Body: func() object.Object { return &autoscalingv1.Scale{} },
		View: sc.view, Start: sc.start, Do: sc.write,
	}
}

func names(path string) []string { return strings.Split(strings.TrimPrefix(path, "."), ".") }

// scale is the scale of an object; found is false where it says nothing of replicas.
func (s *scaled) scale(parent object.Object) (scale *autoscalingv1.Scale, found bool, err error) {
	tree := parent.(*unstructured.Unstructured).Object
	replicas, found, err := unstructured.NestedInt64(tree, s.replicas...)
	if err != nil {
		return nil, false, err
	}
	current, _, err := unstructured.NestedInt64(tree, s.status...)
	if err != nil {
		return nil, false, err
	}
	selector := ""
	if s.selector != nil {
		if selector, _, err = unstructured.NestedString(tree, s.selector...); err != nil {
			return nil, false, err
		}
	}
	return &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{
			Name: parent.GetName(), Namespace: parent.GetNamespace(), UID: parent.GetUID(),
			ResourceVersion: parent.GetResourceVersion(), CreationTimestamp: parent.GetCreationTimestamp(),
		},
		Spec:   autoscalingv1.ScaleSpec{Replicas: int32(replicas)},
		Status: autoscalingv1.ScaleStatus{Replicas: int32(current), Selector: selector},
	}, found, nil
}

func (s *scaled) view(parent object.Object) (object.Object, error) {
	scale, found, err := s.scale(parent)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, apierrors.NewInternalError(fmt.Errorf("the spec replicas field %q does not exist", s.specPath))
	}
	return scale, nil
}

// unset stands for replicas that are not there until a write has set them.
const unset = math.MinInt32

func (s *scaled) start(parent object.Object) (object.Object, error) {
	scale, found, err := s.scale(parent)
	if err != nil {
		return nil, err
	}
	if !found {
		scale.Spec.Replicas = unset
	}
	return scale, nil
}

// write sets the replicas. Whether their number may be is said by the object's own validation: see scaleSpecErrors.
func (s *scaled) write(_ context.Context, c *resource.Change) (runtime.Object, []resource.Guard, []resource.Write, error) {
	scale := c.Body.(*autoscalingv1.Scale)
	if scale.Spec.Replicas == unset {
		return nil, nil, nil, apierrors.NewBadRequest(fmt.Sprintf("the spec replicas field %q cannot be empty", s.specPath))
	}
	if scale.UID != "" && scale.UID != c.Old.GetUID() {
		return nil, nil, nil, apierrors.NewConflict(
			schema.GroupResource{Group: s.kind.Group, Resource: c.Resource.Names.Plural}, c.Old.GetName(), fmt.Errorf(
				"StorageError: invalid object, Code: 4, Key: %s%s, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: %v, UID in object meta: %v",
				resource.StoreRoot(c.DryRun), path.Join(c.Resource.Prefix, c.Namespace, c.Old.GetName()), scale.UID, c.Old.GetUID()))
	}
	parent := c.Old.DeepCopyObject().(*unstructured.Unstructured)
	if err := unstructured.SetNestedField(parent.Object, int64(scale.Spec.Replicas), s.replicas...); err != nil {
		return nil, nil, nil, err
	}
	if scale.ResourceVersion != "" {
		parent.SetResourceVersion(scale.ResourceVersion)
	}
	c.New = parent
	return nil, nil, nil, nil
}

// scaleSpecErrors says what is wrong with the number of replicas that an object wants.
func scaleSpecErrors(s *v1.CustomResourceSubresourceScale, tree map[string]any) field.ErrorList {
	if s == nil {
		return nil
	}
	return replicasErrors(tree, s.SpecReplicasPath)
}

// scaleStatusErrors says what is wrong with the number of replicas that an object has, and with its selector.
func scaleStatusErrors(s *v1.CustomResourceSubresourceScale, tree map[string]any) field.ErrorList {
	if s == nil {
		return nil
	}
	errs := replicasErrors(tree, s.StatusReplicasPath)
	if s.LabelSelectorPath != nil {
		selector, _, err := unstructured.NestedString(tree, names(*s.LabelSelectorPath)...)
		if err != nil {
			errs = append(errs, field.Invalid(field.NewPath(*s.LabelSelectorPath), selector, err.Error()))
		}
	}
	return errs
}

func replicasErrors(tree map[string]any, path string) field.ErrorList {
	n, _, err := unstructured.NestedInt64(tree, names(path)...)
	at := field.NewPath(path)
	switch {
	case err != nil:
		return field.ErrorList{field.Invalid(at, n, err.Error())}
	case n < 0:
		return field.ErrorList{field.Invalid(at, n, "should be a non-negative integer")}
	case n > math.MaxInt32:
		return field.ErrorList{field.Invalid(at, n, fmt.Sprintf("should be less than or equal to %v", math.MaxInt32))}
	}
	return nil
}
