package resource

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/object"
)

// v1beta1 has some fields in other places than v1 and v1beta2, which are alike. Whoever uses it pays for the way over
// trees.

type convert = func(ctx context.Context, objs []object.Object, to string) ([]object.Object, error)

// moving converts with move, which is given the whole object as a tree.
func moving[V1, V1beta2, V1beta1 any, P1 interface {
	*V1
	object.Object
}, P2 interface {
	*V1beta2
	object.Object
}, P3 interface {
	*V1beta1
	object.Object
}](move func(tree map[string]any, toV1beta1 bool)) convert {
	if move == nil {
		return nil
	}
	return func(_ context.Context, objs []object.Object, to string) ([]object.Object, error) {
		out := make([]object.Object, len(objs))
		for i, o := range objs {
			tree, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
			if err != nil {
				return nil, err
			}
			kind := o.GetObjectKind().GroupVersionKind().Kind
			switch to {
			case group + "/v1":
				out[i] = P1(new(V1))
			case group + "/v1beta2":
				out[i] = P2(new(V1beta2))
			default:
				out[i] = P3(new(V1beta1))
			}
			_, fromV1beta1 := o.(P3)
			_, toV1beta1 := out[i].(P3)
			if fromV1beta1 != toV1beta1 {
				move(tree, toV1beta1)
			}
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(tree, out[i]); err != nil {
				return nil, err
			}
			out[i].GetObjectKind().SetGroupVersionKind(schema.FromAPIVersionAndKind(to, kind))
		}
		return out, nil
	}
}

func moveClaim(tree map[string]any, toV1beta1 bool) { moveRequests(at(tree, "spec"), toV1beta1) }

func moveTemplate(tree map[string]any, toV1beta1 bool) {
	moveRequests(at(at(tree, "spec"), "spec"), toV1beta1)
}

// exact are the fields of a request for one class, which v1 has below exactly.
var exact = []string{"deviceClassName", "selectors", "allocationMode", "count", "adminAccess", "tolerations", "capacity"}

func moveRequests(claim map[string]any, toV1beta1 bool) {
	for request := range each(at(claim, "devices"), "requests") {
		if toV1beta1 {
			for name, v := range at(request, "exactly") {
				request[name] = v
			}
			delete(request, "exactly")
			continue
		}
		exactly := map[string]any{}
		for _, name := range exact {
			v, ok := request[name]
			if delete(request, name); ok && v != "" {
				exactly[name] = v
			}
		}
		if len(exactly) > 0 {
			request["exactly"] = exactly
		}
	}
}

// moveSlice moves all of a device but its name, which v1beta1 has below basic.
func moveSlice(tree map[string]any, toV1beta1 bool) {
	for device := range each(at(tree, "spec"), "devices") {
		if !toV1beta1 {
			for name, v := range at(device, "basic") {
				device[name] = v
			}
			delete(device, "basic")
			continue
		}
		basic := map[string]any{}
		for name, v := range device {
			if name != "name" {
				basic[name] = v
				delete(device, name)
			}
		}
		device["basic"] = basic
	}
}

func at(tree map[string]any, name string) map[string]any {
	below, _ := tree[name].(map[string]any)
	return below
}

// each yields the objects in a list.
func each(tree map[string]any, name string) func(func(map[string]any) bool) {
	return func(yield func(map[string]any) bool) {
		list, _ := tree[name].([]any)
		for _, e := range list {
			if m, ok := e.(map[string]any); ok && !yield(m) {
				return
			}
		}
	}
}
