package object

import (
	gojson "encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
	"unsafe"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Structs are written and read by plans: a type is looked at once by reflection and becomes a tree of plans,
// which then go through values by offsets. What a plan does not understand is an errSlow, and encoding/json (for
// writing) or sigs.k8s.io/json (for reading) does the whole object anew: so those decide about every error.

// plan is how values of one type are written and read.
type plan struct {
	typ    reflect.Type
	size   uintptr
	encode func(b []byte, p unsafe.Pointer) ([]byte, error)
	decode func(d *decoder, p unsafe.Pointer) bool
	fields *structPlan // of structs
}

var errSlow = errors.New("object: no quick way")

// plans remembers the plan of each type: a pure function of the type, kept because it is costly.
var plans sync.Map // reflect.Type -> *plan

func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	// Types refer to each other in circles: a builder's plans become public when all of them are complete.
	b := builder{}
	b.plan(t)
	for t, p := range b {
		plans.LoadOrStore(t, p)
	}
	p, _ := plans.Load(t)
	return p.(*plan)
}

type builder map[reflect.Type]*plan

var (
	marshalerType     = reflect.TypeFor[gojson.Marshaler]()
	unmarshalerType   = reflect.TypeFor[gojson.Unmarshaler]()
	textMarshaler     = reflect.TypeFor[interface{ MarshalText() ([]byte, error) }]()
	textUnmarshaler   = reflect.TypeFor[interface{ UnmarshalText([]byte) error }]()
	zeroerType        = reflect.TypeFor[interface{ IsZero() bool }]()
	timeType          = reflect.TypeFor[metav1.Time]()
	microTimeType     = reflect.TypeFor[metav1.MicroTime]()
	quantityType      = reflect.TypeFor[resource.Quantity]()
	intOrStringType   = reflect.TypeFor[intstr.IntOrString]()
	fieldsType        = reflect.TypeFor[metav1.FieldsV1]()
	rawExtensionType  = reflect.TypeFor[runtime.RawExtension]()
	typeMetaType      = reflect.TypeFor[metav1.TypeMeta]()
	mapStringType     = reflect.TypeFor[map[string]string]()
	mapBytesType      = reflect.TypeFor[map[string][]byte]()
	mapQuantitiesType = reflect.TypeFor[map[string]resource.Quantity]()
)

func (b builder) plan(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	if p, ok := b[t]; ok {
		return p
	}
	p := &plan{typ: t, size: t.Size()}
	b[t] = p
	if !b.schemaOr(p) {
		b.encoding(p)
		b.decoding(p)
	}
	return p
}

// structPlan is a struct's fields as encoding/json sees them: those of embedded structs are among them.
type structPlan struct {
	list []fieldPlan
	by   map[string]int
}

type fieldPlan struct {
	name      string
	key       string // `"name":`
	offset    uintptr
	plan      *plan
	omitEmpty emptiness
	zero      func(p unsafe.Pointer) bool // of omitzero, or nil
}

// structFields lists the fields; nil when the struct has something unusual, such as two fields of one name.
func (b builder) structFields(t reflect.Type) *structPlan {
	s := &structPlan{by: map[string]int{}}
	if !b.addFields(s, t, 0) {
		return nil
	}
	return s
}

func (b builder) addFields(s *structPlan, t reflect.Type, base uintptr) bool {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if tag == "-" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if f.Anonymous && name == "" {
			if f.Type.Kind() != reflect.Struct || implements(f.Type, marshalerType) || implements(f.Type, textMarshaler) {
				return false
			}
			if !b.addFields(s, f.Type, base+f.Offset) {
				return false
			}
			continue
		}
		if !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		if _, twice := s.by[name]; twice || plain(name) != len(name) {
			return false
		}
		fp := fieldPlan{name: name, key: `"` + name + `":`, offset: base + f.Offset, plan: b.plan(f.Type)}
		for option := range strings.SplitSeq(options, ",") {
			switch option {
			case "omitempty":
				fp.omitEmpty = emptinessOf(f.Type)
			case "omitzero":
				fp.zero = zeroTest(f.Type)
			case "string":
				return false
			}
		}
		if fp.zero != nil && fp.omitEmpty != never {
			return false
		}
		s.by[name] = len(s.list)
		s.list = append(s.list, fp)
	}
	return true
}

// emptiness is how omitempty tells whether a field is to be left out.
type emptiness uint8

const (
	never      emptiness = iota
	nilPointer           // pointers
	noLength             // strings and slices, whose length is their second word
	noEntries            // maps
	zeroByte             // bool
	zeroInt32
	zeroInt64
	zeroOther // whatever else: by reflection
)

func emptinessOf(t reflect.Type) emptiness {
	switch t.Kind() {
	case reflect.Pointer:
		return nilPointer
	case reflect.String, reflect.Slice:
		return noLength
	case reflect.Map:
		return noEntries
	case reflect.Bool, reflect.Uint8, reflect.Int8:
		return zeroByte
	case reflect.Int32, reflect.Uint32:
		return zeroInt32
	case reflect.Int64, reflect.Uint64:
		return zeroInt64
	case reflect.Struct:
		return never
	case reflect.Array:
		if t.Len() > 0 {
			return never
		}
	}
	return zeroOther
}

// leaveOut says whether the field at p is not to be written.
func (f *fieldPlan) leaveOut(p unsafe.Pointer) bool {
	switch f.omitEmpty {
	case never:
	case nilPointer:
		return *(*unsafe.Pointer)(p) == nil
	case noLength:
		return *(*int)(unsafe.Add(p, unsafe.Sizeof(p))) == 0
	case noEntries: // a map is a pointer to its header, and len needs only that
		return len(*(*map[string]struct{})(p)) == 0
	case zeroByte:
		return *(*uint8)(p) == 0
	case zeroInt32:
		return *(*int32)(p) == 0
	case zeroInt64:
		return *(*int64)(p) == 0
	default:
		return reflect.NewAt(f.plan.typ, p).Elem().IsZero()
	}
	return f.zero != nil && f.zero(p)
}

// implements says whether the type or a pointer to it has the methods.
func implements(t, methods reflect.Type) bool {
	return t.Implements(methods) || reflect.PointerTo(t).Implements(methods)
}

// zeroTest is what omitzero asks: IsZero if there is such a method, else whether the value is zero.
func zeroTest(t reflect.Type) func(unsafe.Pointer) bool {
	switch {
	case t == timeType:
		return func(p unsafe.Pointer) bool { return (*metav1.Time)(p).IsZero() }
	case t.Kind() != reflect.Pointer && t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(zeroerType):
		return func(p unsafe.Pointer) bool {
			return reflect.NewAt(t, p).Interface().(interface{ IsZero() bool }).IsZero()
		}
	}
	return func(p unsafe.Pointer) bool { return reflect.NewAt(t, p).Elem().IsZero() }
}
