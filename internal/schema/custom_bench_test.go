package schema

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
)

// sixtyFields is a schema with sixty fields of the usual kinds, with descriptions, and an object that has them all.
func sixtyFields() (doc []byte, obj map[string]any) {
	const text = "What this field is for, in so many words, as generators copy them from comments. It is of no use to a server."
	spec, status := map[string]any{}, map[string]any{}
	have := map[string]any{}
	for i := range 6 {
		field := func(name string, v any, s map[string]any) {
			s["description"] = text
			name = fmt.Sprint(name, i)
			spec[name], have[name] = s, v
		}
		field("name", "some-name", map[string]any{"type": "string", "maxLength": 63, "pattern": "^[a-z0-9-]+$"})
		field("mode", "Fast", map[string]any{"type": "string", "enum": []any{"Fast", "Slow"}, "default": "Slow"})
		field("replicas", int64(3), map[string]any{"type": "integer", "format": "int32", "minimum": 0})
		field("enabled", true, map[string]any{"type": "boolean"})
		field("port", "http", map[string]any{"x-kubernetes-int-or-string": true, "anyOf": []any{map[string]any{"type": "integer"}, map[string]any{"type": "string"}}})
		field("labels", map[string]any{"a": "b"}, map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}})
		field("items", []any{map[string]any{"name": "a", "value": "b"}, map[string]any{"name": "c", "value": "d"}}, map[string]any{
			"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": []any{"name"}, "items": map[string]any{"type": "object", "required": []any{"name"},
				"properties": map[string]any{"name": map[string]any{"type": "string", "description": text}, "value": map[string]any{"type": "string", "description": text}}}})
		status[fmt.Sprint("ready", i)] = map[string]any{"type": "boolean", "description": text}
	}
	root := map[string]any{"type": "object", "description": text, "properties": map[string]any{
		"apiVersion": map[string]any{"type": "string", "description": text}, "kind": map[string]any{"type": "string", "description": text}, "metadata": map[string]any{"type": "object"},
		"spec": map[string]any{"type": "object", "properties": spec}, "status": map[string]any{"type": "object", "properties": status}}}
	doc, _ = json.Marshal(root)
	return doc, map[string]any{"apiVersion": "example.com/v1", "kind": "Sixty", "metadata": map[string]any{"name": "a", "namespace": "b", "labels": map[string]any{"a": "b"}}, "spec": have,
		"status": map[string]any{"ready0": true}}
}

func BenchmarkCompile(b *testing.B) {
	doc, _ := sixtyFields()
	b.ReportAllocs()
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if _, err := Compile(doc, false); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemory says what a compiled schema holds, without and with its patterns.
func BenchmarkMemory(b *testing.B) {
	doc, obj := sixtyFields()
	if _, err := Compile(doc, false); err != nil { // what all share
		b.Fatal(err)
	}
	kept := make([]*Custom, 200)
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		for i := range kept {
			kept[i], _ = Compile(doc, false)
		}
		compiled := heap()
		for _, c := range kept {
			c.Validate(context.Background(), obj, nil)
		}
		used := heap()
		b.ReportMetric(float64(compiled-before)/float64(len(kept)), "B/schema")
		b.ReportMetric(float64(used-before)/float64(len(kept)), "B/used")
		clear(kept)
	}
}

func benchmarkObject(b *testing.B, do func(c *Custom, obj map[string]any)) {
	doc, obj := sixtyFields()
	c, err := Compile(doc, false)
	if err != nil {
		b.Fatal(err)
	}
	do(c, obj)
	b.ReportAllocs()
	for b.Loop() {
		do(c, obj)
	}
}

func BenchmarkPrune(b *testing.B) {
	benchmarkObject(b, func(c *Custom, obj map[string]any) {
		if unknown, err := c.Prune(obj, false); len(unknown) > 0 || err != nil {
			b.Fatal(unknown, err)
		}
	})
}

func BenchmarkDefault(b *testing.B) {
	benchmarkObject(b, func(c *Custom, obj map[string]any) { c.Default(obj) })
}

func BenchmarkValidate(b *testing.B) {
	benchmarkObject(b, func(c *Custom, obj map[string]any) {
		if found := c.Validate(context.Background(), obj, nil); len(found) > 0 {
			b.Fatal(found)
		}
	})
}

// BenchmarkValidateUpdate has an old object, to which nothing is compared while all is well.
func BenchmarkValidateUpdate(b *testing.B) {
	benchmarkObject(b, func(c *Custom, obj map[string]any) { c.Validate(context.Background(), obj, obj) })
}
