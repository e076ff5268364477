package schema

import (
	"context"
	"io"
	"reflect"
	"regexp"
	"sync/atomic"
	"unicode/utf8"
)

// Limits are the value validations of a node of a custom resource's schema, and its default.
type Limits struct {
	MinLength, MaxLength         *int64
	MinItems, MaxItems           *int64
	MinProperties, MaxProperties *int64
	Minimum, Maximum, MultipleOf *float64
	ExclusiveMinimum             bool
	ExclusiveMaximum             bool
	UniqueItems                  bool // forbidden, but older documents may have it
	Pattern                      *Pattern
	Enum                         []any // of any JSON type; nil when any value will do
	// Default is what stands in for a missing value, and is not to be changed: pruned, and decoded. (Schema.Default is as
	// it was written.)
	Default any

	format  *format                          // what Schema.Format asks for, where it is known
	allowed atomic.Pointer[map[any]struct{}] // the scalars of a long Enum, once a value was looked for
}

// equal compares all but default values.
func (l *Limits) equal(o *Limits) bool {
	if l == nil || o == nil {
		return l == o
	}
	return same(l.MinLength, o.MinLength) && same(l.MaxLength, o.MaxLength) && same(l.MinItems, o.MinItems) && same(l.MaxItems, o.MaxItems) &&
		same(l.MinProperties, o.MinProperties) && same(l.MaxProperties, o.MaxProperties) &&
		same(l.Minimum, o.Minimum) && same(l.Maximum, o.Maximum) && same(l.MultipleOf, o.MultipleOf) &&
		l.ExclusiveMinimum == o.ExclusiveMinimum && l.ExclusiveMaximum == o.ExclusiveMaximum && l.UniqueItems == o.UniqueItems &&
		(l.Pattern == nil) == (o.Pattern == nil) && (l.Pattern == nil || l.Pattern.Text == o.Pattern.Text) &&
		(l.Enum == nil) == (o.Enum == nil) && reflect.DeepEqual(l.Enum, o.Enum) && l.format == o.format
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// Logic are the junctors of a node, and schemas that fit in nowhere else.
type Logic struct {
	AllOf, AnyOf, OneOf []*Schema
	Not                 *Schema
	// Other is the schema of the elements of what is no List, or of additional fields of a List. Only untyped nodes have one.
	Other *Schema
	// Own are the schemas that the document itself has for apiVersion, kind and metadata of a Resource, by name.
	Own []Property
}

// Pattern is a regular expression, compiled when a value is first matched with it.
type Pattern struct {
	Text     string
	compiled atomic.Pointer[regexp.Regexp]
}

// maxUnasked is the product of lengths up to which matching takes no noticeable time.
const maxUnasked = 1 << 24

// match says whether the text matches. An expression that is none matches nothing, and says why. What takes long ends with
// the context, with any answer.
func (p *Pattern) match(ctx context.Context, s string) (bool, error) {
	re := p.compiled.Load()
	if re == nil {
		var err error
		if re, err = regexp.Compile(p.Text); err != nil {
			return false, err
		}
		p.compiled.Store(re)
	}
	if len(p.Text)*len(s) > maxUnasked {
		return re.MatchReader(&patientReader{ctx: ctx, s: s, step: max(maxUnasked/len(p.Text), 1)}), nil
	}
	return re.MatchString(s), nil
}

// patientReader reads a text until its context ends.
type patientReader struct {
	ctx       context.Context
	s         string
	step, end int // it asks at each step, and next at end
	at        int
}

// ReadRune implements io.RuneReader.
func (r *patientReader) ReadRune() (rune, int, error) {
	if r.at >= r.end {
		if r.ctx.Err() != nil {
			return 0, 0, io.EOF
		}
		r.end = r.at + r.step
	}
	if r.at >= len(r.s) {
		return 0, 0, io.EOF
	}
	c, n := utf8.DecodeRuneInString(r.s[r.at:])
	r.at += n
	return c, n, nil
}

// below tells what there is at a node or below it, so that walks go only where they find something.
type below uint8

const (
	belowDefault  below = 1 << iota // a default
	belowEmbedded                   // an embedded resource
	belowUnique                     // a list that is a set or a map
	belowRules                      // x-kubernetes-validations
)

// anything and nothing are additionalProperties: true and false, where they stand for a schema. Of the values under
// anything nothing is known, which is why pruning empties them.
var (
	anything = &Schema{Type: Any}
	nothing  = &Schema{Type: Any, Nullable: true}
)

// Elements is the schema of a list's elements, nil when there is none.
func (s *Schema) Elements() *Schema {
	switch {
	case s.Type == List:
		return s.Items
	case s.Logic != nil:
		return s.Logic.Other
	}
	return nil
}

// Additional is additionalProperties: whether the document has them, and their schema, nil for true and false.
func (s *Schema) Additional() (values *Schema, has bool) {
	switch {
	case s.Type != List:
		values = s.Items
	case s.Logic != nil:
		values = s.Logic.Other
	}
	if values == anything || values == nothing {
		return nil, true
	}
	return values, values != nil
}

// closed says that additionalProperties are false.
func (s *Schema) closed() bool { return s.Items == nothing }

// Own returns the schema that the document itself has for a field, nil when it has none. It differs from Property for
// apiVersion, kind and metadata of a Resource.
func (s *Schema) Own(name string) *Schema {
	if s.Resource && isMeta(name) {
		if s.Logic != nil {
			for i := range s.Logic.Own {
				if s.Logic.Own[i].Name == name {
					return s.Logic.Own[i].Schema
				}
			}
		}
		return nil
	}
	return s.Property(name)
}

// own calls each with the fields that the document itself has.
func (s *Schema) own(each func(*Property)) {
	for i := range s.Properties {
		if p := &s.Properties[i]; !s.Resource || !isMeta(p.Name) {
			each(p)
		}
	}
	if s.Resource && s.Logic != nil {
		for i := range s.Logic.Own {
			each(&s.Logic.Own[i])
		}
	}
}

// field is the schema of a field or map value, which has one if it is known: nil with known set when all that is known is
// that it may be there.
func (s *Schema) field(name string) (child *Schema, known bool) {
	if p := s.Own(name); p != nil {
		return p, true
	}
	return s.Additional()
}

func (s *Schema) hasDefault() bool { return s.Limits != nil && s.Limits.Default != nil }

func isMeta(name string) bool {
	switch name {
	case "apiVersion", "kind", "metadata":
		return true
	}
	return false
}
