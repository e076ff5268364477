package patch

import (
	"bytes"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pintle-io/pintle/internal/object"
)

// KeepTimes gives new the times of live's managedFields if these times are all that differs between them, so that
// a write which changes nothing else is not one.
func (t *Tracker) KeepTimes(live, new object.Object) {
	was, is := live.GetManagedFields(), new.GetManagedFields()
	if len(was) != len(is) || len(is) == 0 {
		return
	}
	moved := false
	for i := range is {
		a, b := &was[i], &is[i]
		if a.Manager != b.Manager || a.Operation != b.Operation || a.APIVersion != b.APIVersion || a.Subresource != b.Subresource ||
			a.FieldsType != b.FieldsType || !sameFields(a.FieldsV1, b.FieldsV1) {
			return
		}
		moved = moved || !a.Time.Equal(b.Time)
	}
	if !moved || !t.sameButManagers(live, new) {
		return
	}
	kept := make([]metav1.ManagedFieldsEntry, len(is))
	for i := range is {
		kept[i] = is[i]
		kept[i].Time = was[i].Time
	}
	new.SetManagedFields(kept)
}

func sameFields(a, b *metav1.FieldsV1) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a == b || bytes.Equal(a.GetRawBytes(), b.GetRawBytes())
}

func (t *Tracker) sameButManagers(a, b object.Object) bool {
	if _, ok := a.(*unstructured.Unstructured); ok {
		return reflect.DeepEqual(t.Tree(a), t.Tree(b))
	}
	if reflect.TypeOf(a) != reflect.TypeOf(b) {
		return false
	}
	return equality.Semantic.DeepEqual(bare(a), bare(b))
}

// bare is a shallow copy without managedFields.
func bare(o object.Object) object.Object {
	c := reflect.New(reflect.TypeOf(o).Elem())
	c.Elem().Set(reflect.ValueOf(o).Elem())
	out := c.Interface().(object.Object)
	out.SetManagedFields(nil)
	return out
}
