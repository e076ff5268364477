package object

import (
	"reflect"
	"unsafe"

	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
)

// The places of a schema where another schema or something else may stand write and read themselves, by encoding/json
// and whole documents at a time: a schema with lists of lists would be read once for each level. Here they have plans.
var (
	schemaOrList = map[reflect.Type]bool{
		reflect.TypeFor[v1.JSONSchemaPropsOrArray](): true, reflect.TypeFor[v1beta1.JSONSchemaPropsOrArray](): true,
		reflect.TypeFor[v1.JSONSchemaPropsOrStringArray](): true, reflect.TypeFor[v1beta1.JSONSchemaPropsOrStringArray](): true,
	}
	schemaOrBool = map[reflect.Type]bool{
		reflect.TypeFor[v1.JSONSchemaPropsOrBool](): true, reflect.TypeFor[v1beta1.JSONSchemaPropsOrBool](): true,
	}
)

// schemaOr plans such a place, if the plan's type is one.
func (b builder) schemaOr(p *plan) bool {
	switch {
	case schemaOrList[p.typ]:
		schema, list := p.typ.Field(0), p.typ.Field(1)
		b.schemaOrList(p, b.plan(schema.Type), b.plan(list.Type), schema.Offset, list.Offset)
	case schemaOrBool[p.typ]:
		allows, schema := p.typ.Field(0), p.typ.Field(1)
		b.schemaOrBool(p, b.plan(schema.Type), allows.Offset, schema.Offset)
	default:
		return false
	}
	return true
}

func (builder) schemaOrList(p, schema, list *plan, schemaAt, listAt uintptr) {
	p.encode = func(b []byte, at unsafe.Pointer) ([]byte, error) {
		if (*sliceHeader)(unsafe.Add(at, listAt)).len > 0 {
			return list.encode(b, unsafe.Add(at, listAt))
		}
		return schema.encode(b, unsafe.Add(at, schemaAt))
	}
	p.decode = func(d *decoder, at unsafe.Pointer) bool {
		switch d.peek() {
		case '{':
			return d.lenient(schema, unsafe.Add(at, schemaAt))
		case '[':
			return d.lenient(list, unsafe.Add(at, listAt))
		}
		return d.null()
	}
}

func (builder) schemaOrBool(p, schema *plan, allowsAt, schemaAt uintptr) {
	p.encode = func(b []byte, at unsafe.Pointer) ([]byte, error) {
		switch {
		case *(*unsafe.Pointer)(unsafe.Add(at, schemaAt)) != nil:
			return schema.encode(b, unsafe.Add(at, schemaAt))
		case *(*bool)(unsafe.Add(at, allowsAt)):
			return append(b, "true"...), nil
		}
		return append(b, "false"...), nil
	}
	p.decode = func(d *decoder, at unsafe.Pointer) (ok bool) {
		allows := (*bool)(unsafe.Add(at, allowsAt))
		if d.peek() == '{' {
			*allows = true
			return d.lenient(schema, unsafe.Add(at, schemaAt))
		}
		*allows, ok = d.bool()
		return ok
	}
}

// lenient reads what a type that reads itself would read: nobody asks there for unknown fields.
func (d *decoder) lenient(p *plan, at unsafe.Pointer) bool {
	strict := d.strict
	d.strict = false
	ok := p.decode(d, at)
	d.strict = strict
	return ok
}
