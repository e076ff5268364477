package reference

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/controller/openapi/builder"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/kube-openapi/pkg/schemaconv"
	smd "sigs.k8s.io/structured-merge-diff/v6/schema"

	"github.com/pintle-io/pintle/internal/schema"
)

// TestSchemaTracking compares what compiled schemas say of the owners of fields with the schema that kube-apiserver makes
// for its field tracking library.
func TestSchemaTracking(t *testing.T) {
	for i := range 200 {
		g := schemaGen{Rand: rand.New(rand.NewPCG(3, uint64(i)))}
		doc, _ := json.Marshal(g.root())
		preserve := g.chance(10)
		props := &apiextensionsv1.JSONSchemaProps{}
		if err := json.Unmarshal(doc, props); err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "things.example.com"}, Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "example.com", Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "things", Kind: "Thing", ListKind: "ThingList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v1", Served: true, Storage: true, Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: props}}},
		}}
		openapi, err := builder.BuildOpenAPIV3(crd, "v1", builder.Options{AllowNonStructural: true})
		if err != nil {
			t.Fatal(err)
		}
		want, err := schemaconv.ToSchemaFromOpenAPI(openapi.Components.Schemas, preserve)
		if err != nil {
			continue // the library knows no lists without items
		}
		got, err := schema.Compile(doc, preserve)
		if err != nil {
			t.Fatal(err)
		}
		name := "com.example.v1.Thing"
		c := tracking{t, want, false}
		c.ref("", got.Root, smd.TypeRef{NamedType: &name})
		if c.failed {
			t.Fatalf("%d, %v: %s", i, preserve, doc)
		}
	}
}

type tracking struct {
	t      *testing.T
	schema *smd.Schema
	failed bool
}

func (c *tracking) differs(path string, what string, got, want any) {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		c.failed = true
		c.t.Errorf("%s: %s is %v, want %v", path, what, got, want)
	}
}

// ref compares a node, nil for what is deduced from values.
func (c *tracking) ref(path string, s *schema.Schema, want smd.TypeRef) {
	if want.NamedType != nil && path != "" {
		switch *want.NamedType {
		case "__untyped_deduced_":
			c.differs(path, "deduced", s == nil || s.Type == schema.Any && !s.Atomic && len(s.Properties) == 0 && s.Items == nil, true)
		case "__untyped_atomic_":
			c.differs(path, "atomic", s != nil && s.Atomic, true)
		default:
			c.differs(path, "name", s.Ref, *want.NamedType)
		}
		return
	}
	atom, ok := c.schema.Resolve(want)
	if !ok {
		c.t.Fatalf("%s: %+v", path, want)
	}
	if s.Type == schema.Any || s.Type == schema.IntOrString {
		c.differs(path, "untyped", atom.Scalar != nil && atom.List != nil && atom.Map != nil, true)
		c.differs(path, "list", atom.List.ElementRelationship, smd.Atomic)
		c.object(path, s, atom.Map)
		return
	}
	switch {
	case atom.Map != nil:
		c.differs(path, "map", s.Type == schema.Object || s.Type == schema.Map, true)
		c.object(path, s, atom.Map)
	case atom.List != nil:
		typ := schema.ListAtomic
		if atom.List.ElementRelationship == smd.Associative {
			typ = schema.ListSet
			if len(atom.List.Keys) > 0 {
				typ = schema.ListMap
			}
		}
		c.differs(path, "list", s.Type, schema.List)
		c.differs(path, "list type", s.ListType, typ)
		c.differs(path, "keys", slices.Equal(s.Keys, atom.List.Keys), true)
		c.ref(path+"[]", s.Items, atom.List.ElementType)
	default:
		kind := smd.Scalar("untyped")
		switch {
		case s.Type == schema.Integer || s.Type == schema.Number:
			kind = smd.Numeric
		case s.Type == schema.Boolean:
			kind = smd.Boolean
		case s.Type == schema.String && (s.Format == "" || s.Format == "byte"):
			kind = smd.String
		}
		c.differs(path, "scalar", kind, *atom.Scalar)
	}
}

func (c *tracking) object(path string, s *schema.Schema, want *smd.Map) {
	c.differs(path, "atomic", s.Atomic, want.ElementRelationship == smd.Atomic)
	c.differs(path, "fields", len(s.Properties), len(want.Fields))
	for _, f := range want.Fields {
		p := s.Property(f.Name)
		if p == nil {
			c.differs(path+"."+f.Name, "field", nil, f)
			continue
		}
		c.ref(path+"."+f.Name, p, f.Type)
		var def any
		if p.Default != nil {
			_ = utiljson.Unmarshal(p.Default, &def)
		}
		if p.Ref == "" {
			c.differs(path+"."+f.Name, "default", def, f.Default)
		}
	}
	closed := s.Type == schema.Object && len(s.Properties) > 0 && s.Items == nil && !s.PreserveUnknown
	none := want.ElementType.NamedType == nil && want.ElementType.Inlined == smd.Atom{}
	switch {
	case none && s.Type == schema.Map, none && s.Items != nil:
		// additionalProperties: false, which validation sees to
	case none:
		c.differs(path, "closed", closed, true)
	case closed:
		c.differs(path, "closed", closed, none)
	default:
		c.ref(path+".*", s.Items, want.ElementType)
	}
}
