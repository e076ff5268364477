package reference

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/cel/common"

	"github.com/pintle-io/pintle/internal/schema"
)

// oracle does with custom objects what kube-apiserver does, by its own packages.
type oracle struct {
	structural *structural.Structural
	validator  validation.SchemaValidator
	status     validation.SchemaValidator
	preserve   bool
}

func newOracle(doc []byte, preserve bool) (*oracle, error) {
	props := &apiextensionsv1.JSONSchemaProps{}
	if err := json.Unmarshal(doc, props); err != nil {
		return nil, err
	}
	internal := &apiextensions.JSONSchemaProps{}
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(props, internal, nil); err != nil {
		return nil, err
	}
	s, err := structural.NewStructural(internal)
	if err != nil {
		return nil, err
	}
	if !preserve {
		s = s.DeepCopy()
		if err := defaulting.PruneDefaults(s); err != nil {
			return nil, err
		}
	}
	o := &oracle{structural: s, preserve: preserve}
	if o.validator, _, err = validation.NewSchemaValidator(internal); err != nil {
		return nil, err
	}
	if status, ok := internal.Properties["status"]; ok {
		o.status, _, err = validation.NewSchemaValidator(&status)
	}
	return o, err
}

// prune is unstructuredSchemaCoercer.apply.
func (o *oracle) prune(obj map[string]any, report, drop bool) (unknown []string, err error) {
	meta, found, unknown, err := objectmeta.GetObjectMetaWithOptions(obj, objectmeta.ObjectMetaOptions{DropMalformedFields: drop, ReturnUnknownFieldPaths: report})
	if err != nil {
		return nil, err
	}
	kind, apiVersion := obj["kind"], obj["apiVersion"]
	if !o.preserve {
		unknown = append(unknown, pruning.PruneWithOptions(obj, o.structural, true, structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: report})...)
		defaulting.PruneNonNullableNullsWithoutDefaults(obj, o.structural)
	}
	ferr, paths := objectmeta.CoerceWithOptions(nil, obj, o.structural, false, objectmeta.CoerceOptions{DropInvalidFields: drop, ReturnUnknownFieldPaths: report})
	if ferr != nil {
		return nil, ferr
	}
	unknown = append(unknown, paths...)
	if drop && meta != nil && meta.Generation == 0 {
		meta.Generation = 1
	}
	obj["kind"], obj["apiVersion"] = kind, apiVersion
	if found {
		err = objectmeta.SetObjectMeta(obj, meta)
	}
	return unknown, err
}

func (o *oracle) validate(obj, old map[string]any) (values, rest field.ErrorList) {
	if old == nil {
		values = validation.ValidateCustomResource(nil, obj, o.validator)
	} else {
		c := common.NewCorrelatedObject(obj, old, &model.Structural{Structural: o.structural})
		values = validation.ValidateCustomResourceUpdate(nil, obj, old, o.validator, validation.WithRatcheting(c))
	}
	rest = objectmeta.Validate(nil, obj, o.structural, false)
	if old == nil || len(listtype.ValidateListSetsAndMaps(nil, o.structural, old)) == 0 {
		rest = append(rest, listtype.ValidateListSetsAndMaps(nil, o.structural, obj)...)
	}
	return values, rest
}

func (o *oracle) validateStatus(obj, old map[string]any) field.ErrorList {
	status, ok := obj["status"]
	if !ok || o.status == nil {
		return nil
	}
	c := common.NewCorrelatedObject(obj, old, &model.Structural{Structural: o.structural})
	return validation.ValidateCustomResourceUpdate(field.NewPath("status"), status, old["status"], o.status, validation.WithRatcheting(c.Key("status")))
}

var (
	schemaSeed   = flag.Uint64("schema.seed", 1, "seed of TestSchemaOracle")
	schemaRounds = flag.Int("schema.rounds", 2000, "how many schemas TestSchemaOracle makes")
)

// TestSchemaOracle makes schemas and objects at random and wants the same of both servers: what is pruned and named,
// what is defaulted, and every finding.
func TestSchemaOracle(t *testing.T) {
	bad := 0
	for i := range *schemaRounds {
		r := rand.New(rand.NewPCG(*schemaSeed, uint64(i)))
		if !checkSchema(t, r, fmt.Sprintf("seed %d, round %d", *schemaSeed, i)) {
			if bad++; bad > 5 {
				t.Fatal("and so on")
			}
		}
	}
}

func FuzzSchemaOracle(f *testing.F) {
	for i := range uint64(20) {
		f.Add(i, i*7)
	}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		checkSchema(t, rand.New(rand.NewPCG(a, b)), fmt.Sprintf("%d, %d", a, b))
	})
}

func checkSchema(t *testing.T, r *rand.Rand, name string) bool {
	g := schemaGen{Rand: r}
	doc, _ := json.Marshal(g.root())
	preserve := g.chance(20)
	want, err := newOracle(doc, preserve)
	if err != nil {
		t.Errorf("%s: %v: %s", name, err, doc)
		return false
	}
	got, err := schema.Compile(doc, preserve)
	if err != nil {
		t.Errorf("%s: %v: %s", name, err, doc)
		return false
	}
	var tree map[string]any
	if err := utiljson.Unmarshal(doc, &tree); err != nil {
		t.Fatal(err)
	}
	if !checkDefaults(t, name, doc) {
		return false
	}
	var old map[string]any
	for range 6 {
		obj := g.object(tree)
		if changed, ok := g.mutate(old, tree).(map[string]any); ok && old != nil && g.chance(2) {
			obj = changed
			obj["apiVersion"], obj["kind"] = "example.com/v1", "Thing"
			obj["metadata"] = runtime.DeepCopyJSONValue(old["metadata"])
		}
		if !checkObject(t, name, string(doc), want, got, obj, old) {
			return false
		}
		old = obj
	}
	return true
}

func checkDefaults(t *testing.T, name string, doc []byte) bool {
	for _, pruned := range []bool{true, false} {
		o, err := newOracle(doc, true)
		if err != nil {
			t.Error(err)
			return false
		}
		path := field.NewPath("schema")
		s := o.structural.DeepCopy()
		want, err := defaulting.ValidateDefaults(context.Background(), path, s, true, pruned)
		got, myErr := schema.ValidateDefaults(context.Background(), path, doc, pruned)
		missed, invented := difference(texts(want), texts(got)), difference(texts(got), texts(want))
		if err != nil || myErr != nil || len(missed)+len(invented) > 0 && !firstFound(missed, invented) {
			t.Errorf("%s: defaults of %s: missed %q, %v, invented %q, %v", name, doc, missed, err, invented, myErr)
			return false
		}
	}
	o, _ := newOracle(doc, true)
	s := o.structural.DeepCopy()
	_ = defaulting.PruneDefaults(s)
	if want, got := !reflect.DeepEqual(s, o.structural), schema.UnprunedDefaults(doc); want != got {
		t.Errorf("%s: unpruned defaults of %s: want %v", name, doc, want)
		return false
	}
	return true
}

func checkObject(t *testing.T, name, doc string, want *oracle, got *schema.Custom, obj, old map[string]any) bool {
	ok := true
	differs := func(what string, a, b any) {
		if ok && !reflect.DeepEqual(a, b) {
			was, _ := json.Marshal(obj)
			before, _ := json.Marshal(old)
			x, _ := json.Marshal(a)
			y, _ := json.Marshal(b)
			t.Errorf("%s: %s:\nschema %s\nobject %s\nbefore %s\nwant %s\ngot  %s", name, what, doc, was, before, x, y)
			ok = false
		}
	}
	for _, mode := range []string{"plain", "report", "drop"} {
		a, b := runtime.DeepCopyJSON(obj), runtime.DeepCopyJSON(obj)
		var unknown, named []string
		var err, myErr error
		switch mode {
		case "drop":
			_, err = want.prune(a, false, true)
			myErr = got.PruneStored(b)
		default:
			unknown, err = want.prune(a, mode == "report", false)
			named, myErr = got.Prune(b, mode == "report")
		}
		if (err == nil) != (myErr == nil) || err != nil && err.Error() != myErr.Error() && !twoErrors(err, myErr) {
			differs(mode+" error", fmt.Sprint(err), fmt.Sprint(myErr))
			continue
		}
		if err != nil {
			continue
		}
		if len(unknown)+len(named) > 0 {
			differs(mode+" unknown", unknown, named)
		}
		differs(mode+" pruned", a, b)
		defaulting.Default(a, want.structural)
		got.Default(b)
		differs(mode+" defaulted", a, b)
	}
	for _, before := range []map[string]any{nil, old} {
		values, rest := want.validate(obj, before)
		myValues := got.ValidateValues(t.Context(), obj, before)
		myRest := got.ValidateRest(context.Background(), obj, before, nil)
		differs("values", texts(values), texts(myValues))
		differs("rest", texts(rest), texts(myRest))
	}
	if old != nil {
		differs("status", texts(want.validateStatus(obj, old)), texts(got.ValidateStatusValues(t.Context(), obj, old)))
	}
	return ok
}

// difference is what only the first has.
func difference(a, b []string) (only []string) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			only = append(only, s)
		}
	}
	return only
}

// firstFound says that each server found the same kind of thing in metadata, where it stops at the first, having put in
// order what came before, and the reference looks at fields in no order.
func firstFound(a, b []string) bool {
	about := func(s string) bool {
		for _, text := range []string{"json: cannot unmarshal", "cannot parse", "must be a string", "must result in valid metadata", "must not have unknown fields"} {
			if strings.Contains(s, text) {
				return true
			}
		}
		return false
	}
	return len(a) == len(b) && !slices.ContainsFunc(a, func(s string) bool { return !about(s) }) && !slices.ContainsFunc(b, func(s string) bool { return !about(s) })
}

// twoErrors says that both servers found something, and something else first: the reference looks at fields in no order.
func twoErrors(a, b error) bool {
	var x, y *field.Error
	x, _ = a.(*field.Error)
	y, _ = b.(*field.Error)
	return x != nil && y != nil
}

func texts(found field.ErrorList) []string {
	out := make([]string, len(found))
	for i, e := range found {
		bad, _ := json.Marshal(e.BadValue)
		out[i] = fmt.Sprintf("%s|%s|%T %s|%s", e.Type, e.Field, e.BadValue, bad, e.Detail)
	}
	slices.Sort(out)
	return out
}

// decoded has the types that decoded JSON has.
func decoded(v any) any {
	data, _ := json.Marshal(v)
	var out any
	if err := utiljson.Unmarshal(data, &out); err != nil {
		panic(err)
	}
	return out
}
