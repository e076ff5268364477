package patch

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"slices"
	"unsafe"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

// Reading Go values by their plans: as scalars, as trees, and to compare them.

// deref follows the value's pointer, if it is one; nil is a null.
func (pl *plan) deref(p unsafe.Pointer) unsafe.Pointer {
	if pl.ptr {
		return *(*unsafe.Pointer)(p)
	}
	return p
}

// isNull says whether the value behind the pointer is a null: a nil pointer, slice or map.
func (pl *plan) isNull(q unsafe.Pointer) bool {
	if q == nil {
		return true
	}
	switch pl.kind {
	case planBytes, planList, planMap:
		return *(*unsafe.Pointer)(q) == nil
	case planTime:
		return (*metav1.Time)(q).IsZero()
	case planMicroTime:
		return (*metav1.MicroTime)(q).IsZero()
	}
	return false
}

func (pl *plan) int(q unsafe.Pointer) int64 {
	switch pl.typ.Size() {
	case 1:
		return int64(*(*int8)(q))
	case 2:
		return int64(*(*int16)(q))
	case 4:
		return int64(*(*int32)(q))
	}
	return *(*int64)(q)
}

func (pl *plan) uint(q unsafe.Pointer) int64 {
	switch pl.typ.Size() {
	case 1:
		return int64(*(*uint8)(q))
	case 2:
		return int64(*(*uint16)(q))
	case 4:
		return int64(*(*uint32)(q))
	}
	return int64(*(*uint64)(q))
}

func (pl *plan) float(q unsafe.Pointer) float64 {
	if pl.typ.Size() == 4 {
		return float64(*(*float32)(q))
	}
	return *(*float64)(q)
}

func quantityText(q *resource.Quantity) string {
	copied := *q // String keeps its result in the quantity, which may be shared
	return copied.String()
}

// scalar reads a value that is one; ok is false if it is a list or a map.
func (pl *plan) scalar(p unsafe.Pointer) (v scalar, ok bool) {
	q := pl.deref(p)
	if pl.isNull(q) {
		return scalar{kind: scalarNull}, pl.kind < planList
	}
	switch pl.kind {
	case planString:
		return scalar{kind: scalarString, s: *(*string)(q)}, true
	case planBytes:
		return scalar{kind: scalarString, s: base64.StdEncoding.EncodeToString(*(*[]byte)(q))}, true
	case planBool:
		v := scalar{kind: scalarBool}
		if *(*bool)(q) {
			v.i = 1
		}
		return v, true
	case planInt:
		return scalar{kind: scalarInt, i: pl.int(q)}, true
	case planUint:
		return scalar{kind: scalarInt, i: pl.uint(q)}, true
	case planFloat:
		return scalar{kind: scalarFloat, f: pl.float(q)}, true
	case planList, planMap, planStruct:
		return scalar{}, false
	}
	return scalarOf(pl.tree(q))
}

// tree is the value as JSON would have it; q is behind the pointer.
func (pl *plan) tree(q unsafe.Pointer) any {
	if pl.isNull(q) {
		return nil
	}
	switch pl.kind {
	case planString:
		return *(*string)(q)
	case planBool:
		return *(*bool)(q)
	case planInt:
		return pl.int(q)
	case planUint:
		return pl.uint(q)
	case planFloat:
		return pl.float(q)
	case planBytes:
		return base64.StdEncoding.EncodeToString(*(*[]byte)(q))
	case planTime:
		return (*metav1.Time)(q).ToUnstructured()
	case planQuantity:
		return quantityText((*resource.Quantity)(q))
	case planIntOrString:
		if v := (*intstr.IntOrString)(q); v.Type == intstr.Int {
			return int64(v.IntVal)
		} else {
			return v.StrVal
		}
	case planList:
		n := (*slice)(q).len
		out := make([]any, n)
		for i := range out {
			out[i] = pl.elem.tree(pl.elem.deref((*slice)(q).at(i, pl.elem.size)))
		}
		return out
	case planMap:
		m := reflect.NewAt(pl.typ, q).Elem()
		out := make(map[string]any, m.Len())
		cell := reflect.New(pl.typ.Elem())
		for it := m.MapRange(); it.Next(); {
			cell.Elem().Set(it.Value())
			out[it.Key().String()] = pl.elem.tree(pl.elem.deref(cell.UnsafePointer()))
		}
		return out
	case planStruct:
		out := make(map[string]any, len(pl.fields)/2)
		for i := range pl.fields {
			f := &pl.fields[i]
			if p, ok := f.at(q); ok {
				out[f.name] = f.plan.tree(f.plan.deref(p))
			}
		}
		return out
	}
	v := reflect.NewAt(pl.typ, q).Interface()
	if u, ok := v.(interface{ ToUnstructured() any }); ok {
		return u.ToUnstructured()
	}
	m, ok := v.(json.Marshaler)
	if !ok {
		return nil
	}
	raw, err := m.MarshalJSON()
	if err != nil {
		return nil
	}
	var out any
	if kjson.Unmarshal(raw, &out) != nil {
		return nil
	}
	return out
}

// slice is the header of a slice.
type slice struct {
	data unsafe.Pointer
	len  int
	cap  int
}

func (s *slice) at(i int, size uintptr) unsafe.Pointer { return unsafe.Add(s.data, uintptr(i)*size) }

// equal compares two values that are both there.
func (pl *plan) equal(a, b unsafe.Pointer) bool {
	if a == b {
		return true
	}
	a, b = pl.deref(a), pl.deref(b)
	if a == b {
		return true
	}
	if an, bn := pl.isNull(a), pl.isNull(b); an || bn {
		return an == bn
	}
	switch pl.kind {
	case planString:
		return *(*string)(a) == *(*string)(b)
	case planBytes:
		return string(*(*[]byte)(a)) == string(*(*[]byte)(b))
	case planBool:
		return *(*bool)(a) == *(*bool)(b)
	case planInt, planUint:
		return pl.int(a) == pl.int(b)
	case planFloat:
		x, y := pl.float(a), pl.float(b)
		return x == y || math.IsNaN(x) && math.IsNaN(y)
	case planTime:
		return (*metav1.Time)(a).Unix() == (*metav1.Time)(b).Unix()
	case planMicroTime:
		return (*metav1.MicroTime)(a).UnixMicro() == (*metav1.MicroTime)(b).UnixMicro()
	case planQuantity:
		x, y := (*resource.Quantity)(a), (*resource.Quantity)(b)
		return *x == *y || quantityText(x) == quantityText(y)
	case planIntOrString:
		return pl.tree(a) == pl.tree(b)
	case planList:
		// Go's own deep equality, in which a nil slice is not an empty one: as the reference compares lists.
		if x, y := (*slice)(a), (*slice)(b); x.len != y.len || x.data == y.data {
			return x.len == y.len
		}
		if pl.elem.kind == planString && !pl.elem.ptr {
			return slices.Equal(*(*[]string)(a), *(*[]string)(b))
		}
		return reflect.DeepEqual(reflect.NewAt(pl.typ, a).Elem().Interface(), reflect.NewAt(pl.typ, b).Elem().Interface())
	case planMap:
		switch pl.known {
		case mapStrings:
			return maps.Equal(*(*map[string]string)(a), *(*map[string]string)(b))
		case mapQuantities:
			return maps.EqualFunc(*(*corev1.ResourceList)(a), *(*corev1.ResourceList)(b), equalQuantities)
		case mapBytes:
			return maps.EqualFunc(*(*map[string][]byte)(a), *(*map[string][]byte)(b), equalBytes)
		}
		return pl.equalMaps(reflect.NewAt(pl.typ, a).Elem(), reflect.NewAt(pl.typ, b).Elem())
	case planStruct:
		for i := range pl.fields {
			f := &pl.fields[i]
			p, pok := f.at(a)
			q, qok := f.at(b)
			if pok != qok || pok && !f.plan.equal(p, q) {
				return false
			}
		}
		return true
	}
	return equalTrees(pl.tree(a), pl.tree(b))
}

func equalQuantities(a, b resource.Quantity) bool { return a == b || a.String() == b.String() }

func equalBytes(a, b []byte) bool { return (a == nil) == (b == nil) && string(a) == string(b) }

func (pl *plan) equalMaps(a, b reflect.Value) bool {
	if a.Len() != b.Len() {
		return false
	}
	x, y := reflect.New(pl.typ.Elem()), reflect.New(pl.typ.Elem())
	for it := a.MapRange(); it.Next(); {
		w := b.MapIndex(it.Key())
		if !w.IsValid() {
			return false
		}
		x.Elem().Set(it.Value())
		y.Elem().Set(w)
		if !pl.elem.equal(x.UnsafePointer(), y.UnsafePointer()) {
			return false
		}
	}
	return true
}
