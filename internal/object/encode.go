package object

import (
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	"sigs.k8s.io/yaml"
)

// cborSelfDescribed is the tag before every CBOR document that the reference answers with.
const cborSelfDescribed = "\xd9\xd9\xf7"

// Append appends the object to dst. It is written as of the codec's kind, whatever its own apiVersion and kind say.
func (c *Codec) Append(dst []byte, e Encoding, obj Object) ([]byte, error) {
	return EncodeAny(dst, e, c.Kind, obj)
}

// EncodeAny appends any API value of the given kind: also those without object metadata, such as Status, Table,
// lists and options.
func EncodeAny(dst []byte, e Encoding, kind schema.GroupVersionKind, obj runtime.Object) ([]byte, error) {
	switch e {
	case Protobuf:
		return appendProtobuf(dst, kind, obj)
	case CBOR:
		b, err := direct.Marshal(bare(withKind(obj, kind)))
		if err != nil {
			return dst, err
		}
		return append(append(dst, cborSelfDescribed...), b...), nil
	case YAML:
		b, err := appendJSON(nil, kind, obj)
		if err != nil {
			return dst, err
		}
		if b, err = yaml.JSONToYAML(b); err != nil {
			return dst, err
		}
		return append(dst, b...), nil
	}
	return appendJSON(dst, kind, obj)
}

// withKind is the object itself when it names the kind, else a shallow copy that does.
func withKind(obj runtime.Object, kind schema.GroupVersionKind) runtime.Object {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		apiVersion := kind.GroupVersion().String()
		if u.Object["kind"] == kind.Kind && u.Object["apiVersion"] == apiVersion {
			return u
		}
		top := make(map[string]any, len(u.Object)+2)
		for k, v := range u.Object {
			top[k] = v
		}
		top["kind"], top["apiVersion"] = kind.Kind, apiVersion
		return &unstructured.Unstructured{Object: top}
	}
	if obj.GetObjectKind().GroupVersionKind() == kind {
		return obj
	}
	v := reflect.ValueOf(obj).Elem()
	copied := reflect.New(v.Type())
	copied.Elem().Set(v)
	named := copied.Interface().(runtime.Object)
	named.GetObjectKind().SetGroupVersionKind(kind)
	return named
}

// bare is the map of a tree: what all encoders should see of it.
func bare(obj runtime.Object) any {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		return u.Object
	}
	return obj
}

// PartialMeta is the object's metadata alone, sharing it with the object.
func PartialMeta(obj Object) *metav1.PartialObjectMetadata {
	p := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "PartialObjectMetadata"}}
	if o, ok := obj.(metav1.ObjectMetaAccessor); ok {
		if m, ok := o.GetObjectMeta().(*metav1.ObjectMeta); ok {
			p.ObjectMeta = *m
			return p
		}
	}
	p.ObjectMeta = metav1.ObjectMeta{
		Name:                       obj.GetName(),
		GenerateName:               obj.GetGenerateName(),
		Namespace:                  obj.GetNamespace(),
		SelfLink:                   obj.GetSelfLink(),
		UID:                        obj.GetUID(),
		ResourceVersion:            obj.GetResourceVersion(),
		Generation:                 obj.GetGeneration(),
		CreationTimestamp:          obj.GetCreationTimestamp(),
		DeletionTimestamp:          obj.GetDeletionTimestamp(),
		DeletionGracePeriodSeconds: obj.GetDeletionGracePeriodSeconds(),
		Labels:                     obj.GetLabels(),
		Annotations:                obj.GetAnnotations(),
		OwnerReferences:            obj.GetOwnerReferences(),
		Finalizers:                 obj.GetFinalizers(),
		ManagedFields:              obj.GetManagedFields(),
	}
	return p
}
