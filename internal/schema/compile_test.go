package schema

import (
	"reflect"
	"testing"
)

// TestShared: leaves that say the same are one, and whatever else a node can say makes it another.
func TestShared(t *testing.T) {
	limited := func() *Schema {
		return &Schema{Type: String, Limits: &Limits{MaxLength: new(int64(3)), Enum: []any{"a"}, Pattern: &Pattern{Text: "^a$"}}}
	}
	c := compiler{leaves: []*Schema{limited()}}
	if c.shared(limited()) != c.leaves[0] {
		t.Error("two equal leaves are not shared")
	}
	elsewhere := map[string]bool{"Ref": true, "Enum": true, "Unions": true, "PatchStrategy": true, "PatchMergeKey": true, // of built-in kinds
		"below":    true, // follows from the others
		"Embedded": true} // is a Resource
	typ := reflect.TypeFor[Schema]()
	for i := range typ.NumField() {
		f := typ.Field(i)
		if elsewhere[f.Name] {
			continue
		}
		s := limited()
		if f.Name == "Limits" {
			s.Limits = nil
		} else {
			set(reflect.ValueOf(s).Elem().Field(i))
		}
		if c.shared(s) == c.leaves[0] {
			t.Errorf("a leaf with another %s is shared", f.Name)
		}
	}
	typ = reflect.TypeFor[Limits]()
	for i := range typ.NumField() {
		f := typ.Field(i)
		if f.Name == "Default" || f.Name == "allowed" {
			continue // a node with the one is not shared, by Schema.Default; the other follows from Enum
		}
		s := limited()
		if f.Name == "format" {
			s.Limits.format = &format{}
		} else {
			set(reflect.ValueOf(s.Limits).Elem().Field(i))
		}
		if c.shared(s) == c.leaves[0] {
			t.Errorf("a leaf with another limit %s is shared", f.Name)
		}
	}
}

// set gives a field a value that it has nowhere.
func set(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("other")
	case reflect.Uint8:
		v.SetUint(2)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
	}
}
