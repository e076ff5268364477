package patch

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	kjson "k8s.io/apimachinery/pkg/util/json"

	"github.com/pintle-io/pintle/internal/schema"
)

// planKind says how a Go value is read.
type planKind uint8

const (
	planString planKind = iota
	planBytes           // base64 on the wire
	planBool
	planInt
	planUint
	planFloat
	planTime // metav1.Time: a second on the wire
	planMicroTime
	planQuantity
	planIntOrString
	planTree // writes its own JSON: read as a tree
	planList
	planMap
	planStruct
)

// plan is how values of one Go type are compared under one schema. It is immutable; plans of recursive types
// are recursive.
type plan struct {
	kind   planKind
	empty  emptyKind
	ptr    bool         // the value is a pointer to a typ
	typ    reflect.Type // without the pointer
	size   uintptr      // of an element of a list that has this plan: of the pointer, if ptr
	schema *schema.Schema
	atomic bool

	fields []fieldPlan // of a struct, sorted by name
	elem   *plan       // of a list or map
	known  mapKind     // of a map
	keys   []keyPlan   // of a keyed list; a list that is neither atomic nor keyed is a set
}

type fieldPlan struct {
	name      string
	offset    uintptr
	omitEmpty bool
	omitZero  func(unsafe.Pointer) bool
	plan      *plan
}

type keyPlan struct {
	name  string
	field *fieldPlan
	def   *scalar // stands for a key that an element leaves out
}

// mapKind are the types of maps that are read without reflection.
type mapKind uint8

const (
	mapOther mapKind = iota
	mapStrings
	mapQuantities // corev1.ResourceList
	mapBytes
)

func mapKindOf(t reflect.Type) mapKind {
	switch t {
	case reflect.TypeFor[map[string]string]():
		return mapStrings
	case reflect.TypeFor[corev1.ResourceList]():
		return mapQuantities
	case reflect.TypeFor[map[string][]byte]():
		return mapBytes
	}
	return mapOther
}

// emptyKind says how omitempty looks at a field.
type emptyKind uint8

const (
	emptyNever  emptyKind = iota
	emptyNil              // pointers
	emptyString           // also, by their second word, slices
	emptyMap
	empty1 // integers, booleans and floats of so many bytes
	empty2
	empty4
	empty8
	emptyFloat4
	emptyFloat8
)

func (pl *plan) isEmpty(p unsafe.Pointer) bool {
	switch pl.empty {
	case emptyNil:
		return *(*unsafe.Pointer)(p) == nil
	case emptyString:
		return len(*(*string)(p)) == 0
	case emptyMap:
		return reflect.NewAt(pl.typ, p).Elem().Len() == 0
	case empty1:
		return *(*uint8)(p) == 0
	case empty2:
		return *(*uint16)(p) == 0
	case empty4:
		return *(*uint32)(p) == 0
	case empty8:
		return *(*uint64)(p) == 0
	case emptyFloat4:
		return *(*float32)(p) == 0
	case emptyFloat8:
		return *(*float64)(p) == 0
	}
	return false
}

// at finds the field in its struct; ok is false if it would be left out of the JSON.
func (f *fieldPlan) at(base unsafe.Pointer) (p unsafe.Pointer, ok bool) {
	p = unsafe.Add(base, f.offset)
	if f.omitEmpty && f.plan.isEmpty(p) || f.omitZero != nil && f.omitZero(p) {
		return nil, false
	}
	return p, true
}

type planKey struct {
	typ    reflect.Type
	schema *schema.Schema
	root   bool
}

// compiler builds plans; done holds the finished and the begun ones of this run, keyed the lists whose elements'
// fields are to be looked at in the end: of a recursive type, they may not be there before.
type compiler struct {
	done  map[planKey]*plan
	keyed []*plan
}

// compilePlan returns a plan that is finished.
func compilePlan(t reflect.Type, s *schema.Schema, root bool) *plan {
	c := compiler{done: map[planKey]*plan{}}
	pl := c.compile(t, s, root)
	for _, l := range c.keyed {
		l.keys = keyPlans(l.elem, l.schema)
	}
	return pl
}

var (
	marshalerType   = reflect.TypeFor[json.Marshaler]()
	zeroerType      = reflect.TypeFor[interface{ IsZero() bool }]()
	timeType        = reflect.TypeFor[metav1.Time]()
	microTimeType   = reflect.TypeFor[metav1.MicroTime]()
	quantityType    = reflect.TypeFor[resource.Quantity]()
	intOrStringType = reflect.TypeFor[intstr.IntOrString]()
	objectMetaType  = reflect.TypeFor[metav1.ObjectMeta]()
)

func (c *compiler) compile(t reflect.Type, s *schema.Schema, root bool) *plan {
	key := planKey{t, s, root}
	if pl, ok := c.done[key]; ok {
		return pl
	}
	pl := &plan{typ: t, size: t.Size(), schema: s, empty: emptinessOf(t)}
	c.done[key] = pl
	if t.Kind() == reflect.Pointer {
		pl.ptr, t = true, t.Elem()
		pl.typ = t
	}
	switch {
	case t == timeType:
		pl.kind = planTime
	case t == microTimeType:
		pl.kind = planMicroTime
	case t == quantityType:
		pl.kind = planQuantity
	case t == intOrStringType:
		pl.kind = planIntOrString
	case t.Implements(marshalerType) || reflect.PointerTo(t).Implements(marshalerType):
		pl.kind = planTree
	default:
		c.fill(pl, t, s, root)
	}
	return pl
}

func (c *compiler) fill(pl *plan, t reflect.Type, s *schema.Schema, root bool) {
	switch t.Kind() {
	case reflect.String:
		pl.kind = planString
	case reflect.Bool:
		pl.kind = planBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		pl.kind = planInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		pl.kind = planUint
	case reflect.Float32, reflect.Float64:
		pl.kind = planFloat
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			pl.kind = planBytes
			return
		}
		pl.kind = planList
		pl.atomic = s == nil || s.Type != schema.List || s.ListType == schema.ListAtomic
		var items *schema.Schema
		if s != nil {
			items = s.Items
		}
		pl.elem = c.compile(t.Elem(), items, false)
		if !pl.atomic && s.ListType == schema.ListMap {
			c.keyed = append(c.keyed, pl)
		}
	case reflect.Map:
		pl.kind = planMap
		pl.atomic = s != nil && s.Atomic
		pl.known = mapKindOf(t)
		pl.elem = c.compile(t.Elem(), childSchema(s, ""), false)
	case reflect.Struct:
		pl.kind = planStruct
		pl.atomic = s != nil && s.Atomic
		pl.fields = c.fields(nil, t, s, 0, root)
		slices.SortFunc(pl.fields, func(a, b fieldPlan) int { return strings.Compare(a.name, b.name) })
	default: // no API type has another; what it would be, nobody owns
		pl.kind, pl.atomic = planTree, true
	}
}

// serverOwned are the metadata fields that nobody is said to manage.
var serverOwned = []string{"clusterName", "creationTimestamp", "generation", "managedFields", "name", "namespace", "resourceVersion", "selfLink", "uid"}

// fields lists a struct's fields, those of inlined structs among them. root is the object itself: the fields
// of its metadata that nobody manages are left out.
func (c *compiler) fields(out []fieldPlan, t reflect.Type, s *schema.Schema, offset uintptr, root bool) []fieldPlan {
	for i := range t.NumField() {
		sf := t.Field(i)
		tag := sf.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		if tag == "-" || !sf.IsExported() {
			continue
		}
		opts := strings.Split(options, ",")
		inline := slices.Contains(opts, "inline") || sf.Anonymous && name == ""
		if inline && sf.Type.Kind() == reflect.Struct {
			out = c.fields(out, sf.Type, s, offset+sf.Offset, root)
			continue
		}
		if name == "" {
			name = sf.Name
		}
		if root && (t != objectMetaType && (name == "kind" || name == "apiVersion") || t == objectMetaType && slices.Contains(serverOwned, name)) {
			continue
		}
		f := fieldPlan{name: name, offset: offset + sf.Offset, omitEmpty: slices.Contains(opts, "omitempty")}
		if slices.Contains(opts, "omitzero") {
			f.omitZero = zeroFunc(sf.Type)
		}
		f.plan = c.compile(sf.Type, childSchema(s, name), root && sf.Type == objectMetaType)
		out = append(out, f)
	}
	return out
}

func zeroFunc(t reflect.Type) func(unsafe.Pointer) bool {
	if t.Kind() != reflect.Pointer && reflect.PointerTo(t).Implements(zeroerType) {
		return func(p unsafe.Pointer) bool {
			return reflect.NewAt(t, p).Interface().(interface{ IsZero() bool }).IsZero()
		}
	}
	return func(p unsafe.Pointer) bool { return reflect.NewAt(t, p).Elem().IsZero() }
}

func keyPlans(elem *plan, s *schema.Schema) []keyPlan {
	out := make([]keyPlan, 0, len(s.Keys))
	for _, name := range slices.Sorted(slices.Values(s.Keys)) {
		k := keyPlan{name: name, def: keyDefault(s, name)}
		for i := range elem.fields {
			if elem.fields[i].name == name {
				k.field = &elem.fields[i]
			}
		}
		out = append(out, k)
	}
	return out
}

// keyDefault is the value of a list's key that an element leaves out, nil if there is none.
func keyDefault(list *schema.Schema, name string) *scalar {
	if list.Items == nil {
		return nil
	}
	p := list.Items.Property(name)
	if p == nil || p.Default == nil {
		return nil
	}
	r := setParser{s: unsafe.String(unsafe.SliceData(p.Default), len(p.Default))}
	v, err := r.scalar()
	if err != nil || v.kind > scalarBool {
		return nil
	}
	return &v
}

func emptinessOf(t reflect.Type) emptyKind {
	switch t.Kind() {
	case reflect.Pointer:
		return emptyNil
	case reflect.String, reflect.Slice:
		return emptyString
	case reflect.Map:
		return emptyMap
	case reflect.Float32:
		return emptyFloat4
	case reflect.Float64:
		return emptyFloat8
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[uintptr]emptyKind{1: empty1, 2: empty2, 4: empty4, 8: empty8}[t.Size()]
	}
	return emptyNever
}

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
