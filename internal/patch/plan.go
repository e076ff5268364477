package patch

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

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
