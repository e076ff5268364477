package cel_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/pintle-io/pintle/internal/cel"
	"github.com/pintle-io/pintle/internal/schema"
)

const benchSchema = `{"type": "object", "properties": {"spec": {"type": "object", "properties": {
	"replicas": {"type": "integer"}, "min": {"type": "integer"}, "max": {"type": "integer"},
	"name": {"type": "string", "maxLength": 63}, "class": {"type": "string", "maxLength": 63},
	"labels": {"type": "object", "maxProperties": 16, "additionalProperties": {"type": "string", "maxLength": 63}},
	"ports": {"type": "array", "maxItems": 16, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port"], "items": {
		"type": "object", "required": ["port"], "properties": {"port": {"type": "integer"}, "name": {"type": "string", "maxLength": 15}}}}},
	"x-kubernetes-validations": [
		{"rule": "self.min <= self.replicas && self.replicas <= self.max", "message": "replicas must be between min and max"},
		{"rule": "self.class == oldSelf.class", "message": "class is immutable"},
		{"rule": "self.ports.all(p, !has(p.name) || p.name.matches('^[a-z]+$'))"},
		{"rule": "self.replicas < 100", "messageExpression": "'too many: ' + string(self.replicas)"}]}}}`

const benchObject = `{"spec": {"replicas": 3, "min": 1, "max": 5, "name": "a", "class": "fast", "labels": {"a": "b"},
	"ports": [{"port": 80, "name": "http"}, {"port": 443, "name": "https"}, {"port": 8080}]}}`

func validatorOf(t testing.TB, doc string) *cel.Validator {
	c, err := schema.Compile([]byte(doc), false)
	if err != nil {
		t.Fatal(err)
	}
	return cel.NewValidator(schema.RuleNode(c.Root))
}

// BenchmarkRules runs the four rules of the schema on an object.
func BenchmarkRules(b *testing.B) {
	v, obj := validatorOf(b, benchSchema), tree(b, benchObject)
	ctx := context.Background()
	if errs, _ := v.Validate(ctx, obj, obj); len(errs) > 0 {
		b.Fatal(errs)
	}
	b.ReportAllocs()
	for b.Loop() {
		v.Validate(ctx, obj, obj)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4, "ns/rule")
}

// BenchmarkCompile makes a validator with its programs, and says how much of it stays.
func BenchmarkCompile(b *testing.B) {
	obj := tree(b, benchObject)
	validatorOf(b, benchSchema).Validate(b.Context(), obj, obj)
	var keep []*cel.Validator
	before := heap()
	start := time.Now()
	for b.Loop() {
		v := validatorOf(b, benchSchema)
		v.Validate(b.Context(), obj, obj)
		keep = append(keep, v)
	}
	_ = start
	b.ReportMetric(float64(heap()-before)/float64(len(keep))/4, "B/rule")
	runtime.KeepAlive(keep)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
