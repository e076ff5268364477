package resource

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/object"
)

// Of returns the version whose objects are of the kind, or nil.
func (r *Resource) Of(kind schema.GroupVersionKind) *Version {
	for i := range r.Versions {
		if r.Versions[i].Codec.Kind == kind {
			return &r.Versions[i]
		}
	}
	return nil
}

// Convert turns an object of one version into another of the same resource, with what the other one knows: see Translate.
func Convert(ctx context.Context, obj object.Object, from, to *Version) (object.Object, error) {
	out, err := Translate(ctx, obj, from, to)
	if err == nil && from != to && to.Prune != nil {
		_, err = to.Prune(out, false)
	}
	return out, err
}

// Translate turns an object of one version into another of the same resource. Where no version says how, the two
// have the same fields, and the object is written down in one and read in the other. What comes back may share parts
// with obj, which stays as it is if it is a struct; a tree must not be used afterwards. What comes back of a custom
// object may have fields that the other version does not know.
func Translate(ctx context.Context, obj object.Object, from, to *Version) (object.Object, error) {
	if from == to {
		return obj, nil
	}
	if u, ok := obj.(*unstructured.Unstructured); ok && from.Codec.New != nil {
		return convertTree(ctx, u, from, to)
	}
	convert := from.Convert
	if convert == nil {
		convert = to.Convert
	}
	if convert != nil {
		out, err := convert(ctx, []object.Object{obj}, to.APIVersion())
		if err != nil {
			return nil, err
		}
		if len(out) != 1 {
			return nil, fmt.Errorf("conversion of one %s to %s gave %d", from.Codec.Kind, to.APIVersion(), len(out))
		}
		return out[0], nil
	}
	as := *to.Codec
	as.Kind = from.Codec.Kind
	e := object.JSON
	if from.Codec.Can(object.Protobuf) && to.Codec.Can(object.Protobuf) {
		e = object.Protobuf
	}
	data, err := from.Codec.Append(nil, e, obj)
	if err != nil {
		return nil, err
	}
	out, _, err := as.Decode(e, data, false)
	if err != nil {
		return nil, err
	}
	out.GetObjectKind().SetGroupVersionKind(to.Codec.Kind)
	return out, nil
}

// convertTree converts the tree of a kind that has a struct, as field tracking has it of pruned objects.
func convertTree(ctx context.Context, u *unstructured.Unstructured, from, to *Version) (object.Object, error) {
	obj := from.Codec.NewObject()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, obj); err != nil {
		return nil, err
	}
	out, err := Translate(ctx, obj, from, to)
	if err != nil {
		return nil, err
	}
	out.GetObjectKind().SetGroupVersionKind(to.Codec.Kind)
	tree, err := runtime.DefaultUnstructuredConverter.ToUnstructured(out)
	return &unstructured.Unstructured{Object: tree}, err
}
