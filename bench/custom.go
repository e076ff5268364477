package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

const crdsPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

// kindPath is where the objects of the i-th definition are. Ten definitions share a group.
func kindPath(i int) string {
	return fmt.Sprintf("/apis/g%03d.bench.example.com/v1/namespaces/bench/kind%04ds", i/10, i)
}

// definition is the i-th CustomResourceDefinition: sixty fields under spec, in six objects of ten.
func definition(i int) []byte {
	type m = map[string]any
	spec := m{}
	for part := range 6 {
		fields := m{}
		for f := range 10 {
			field := m{"description": fmt.Sprintf("Field %d of part %d: what it is for, in a sentence of the usual length.", f, part)}
			switch f % 5 {
			case 0:
				field["type"], field["maxLength"] = "string", 256
			case 1:
				field["type"], field["minimum"], field["maximum"] = "integer", 0, 100_000
			case 2:
				field["type"], field["enum"] = "string", []string{"Always", "Never", "Sometimes"}
			case 3:
				field["type"] = "boolean"
			case 4:
				field["type"], field["items"], field["maxItems"] = "array", m{"type": "string"}, 64
			}
			fields[fmt.Sprintf("field%d", f)] = field
		}
		spec[fmt.Sprintf("part%d", part)] = m{"type": "object", "description": "A part.", "properties": fields}
	}
	name, group := fmt.Sprintf("kind%04d", i), fmt.Sprintf("g%03d.bench.example.com", i/10)
	crd := m{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": m{"name": name + "s." + group},
		"spec": m{
			"group": group, "scope": "Namespaced",
			"names": m{"plural": name + "s", "singular": name, "kind": strings.ToUpper(name[:1]) + name[1:], "listKind": strings.ToUpper(name[:1]) + name[1:] + "List"},
			"versions": []m{{
				"name": "v1", "served": true, "storage": true, "subresources": m{"status": m{}},
				"additionalPrinterColumns": []m{{"name": "Mode", "type": "string", "jsonPath": ".spec.part0.field2"}},
				"schema": m{"openAPIV3Schema": m{"type": "object", "properties": m{
					"spec":   m{"type": "object", "properties": spec},
					"status": m{"type": "object", "properties": m{"phase": m{"type": "string"}}},
				}}},
			}},
		},
	}
	out, err := json.Marshal(crd)
	if err != nil {
		panic(err)
	}
	return out
}

// customObject is an object of about a kilobyte of the i-th definition.
func customObject(i int, name string) []byte {
	part := `{"field0":"a text of some words","field1":42,"field2":"Always","field3":true,"field4":["one","two","three"],"field5":"another text of some words"}`
	return fmt.Appendf(nil, `{"apiVersion":"g%03d.bench.example.com/v1","kind":"Kind%04d","metadata":{"name":%q,"labels":{"app":"bench"}},`+
		`"spec":{"part0":%[4]s,"part1":%[4]s,"part2":%[4]s,"part3":%[4]s,"part4":%[4]s,"part5":%[4]s}}`, i/10, i, name, part)
}

// define posts definitions, 16 at a time, and returns when each was answered.
func (s *server) define(ctx context.Context, from, to int) error {
	_, err := s.drive(ctx, s.h1, clients, to-from, 0, func(i int) call {
		return call{method: "POST", path: crdsPath, body: definition(from + i)}
	})
	return err
}

// served waits until a path answers, and returns how long that took.
func (s *server) served(ctx context.Context, path string) (time.Duration, error) {
	from := time.Now()
	for {
		_, err := s.do(ctx, s.h1, call{method: "GET", path: path})
		if err == nil {
			return time.Since(from), nil
		}
		if ctx.Err() != nil || time.Since(from) > time.Minute {
			return 0, fmt.Errorf("%s is not served after %s: %w", path, time.Since(from), err)
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return 0, err
		}
	}
}

// quiet waits until the server has nothing left to do, for a minute at most: what a burst has put off belongs to it.
func (s *server) quiet(ctx context.Context) error {
	const window = time.Second
	for range 60 {
		before := s.cpu()
		if err := pause(ctx, window); err != nil {
			return err
		}
		if s.cpu()-before < window/10 {
			return nil
		}
	}
	return nil
}

const definitions = 100

// customResources posts a hundred definitions in a burst, and then works with the objects of one.
func customResources(ctx context.Context, b *bench, t *target) error {
	s, _, err := b.start(ctx, t, "")
	if err != nil {
		return err
	}
	defer s.stop()
	if err := errors.Join(s.namespace(ctx, "bench"), s.quiet(ctx)); err != nil {
		return err
	}
	before, _ := s.memory()
	cpu := s.cpu()
	if err := s.define(ctx, 0, definitions-1); err != nil {
		return err
	}
	if err := s.define(ctx, definitions-1, definitions); err != nil {
		return err
	}
	waited, err := s.served(ctx, kindPath(definitions-1))
	if err != nil {
		return err
	}
	if err := s.quiet(ctx); err != nil {
		return err
	}
	b.record("crd-serve", t, measure{value: float64(waited), unit: unitTime})
	b.record("crd-burst", t, measure{value: float64((s.cpu() - cpu) / definitions), unit: unitTime})
	if err := b.pass(ctx, t); err != nil {
		return err
	}

	for i := range definitions {
		if _, err := s.served(ctx, kindPath(i)); err != nil {
			return err
		}
		if _, err := s.do(ctx, s.h1, call{method: "POST", path: kindPath(i), body: customObject(i, "first")}); err != nil {
			return err
		}
		if _, err := s.do(ctx, s.h1, call{method: "GET", path: kindPath(i)}); err != nil {
			return err
		}
	}
	if err := s.quiet(ctx); err != nil {
		return err
	}
	anon, _ := s.memory()
	b.record("crd-memory", t, measure{value: float64(anon-before) / definitions, unit: unitBytes})
	if err := openAPI(ctx, b, s); err != nil {
		return err
	}
	if err := b.pass(ctx, t); err != nil {
		return err
	}
	return customObjects(ctx, b, s)
}

// openAPI fetches the document of all kinds, as clients do that know protobuf, and then again.
func openAPI(ctx context.Context, b *bench, s *server) error {
	before, _ := s.memory()
	for _, row := range []struct {
		name  string
		times int // one alone is less than what the system counts by
	}{{"openapi-first", 1}, {"openapi-second", 100}} {
		if !b.wants(row.name) {
			continue
		}
		var bytes int64
		l, err := s.repeat(ctx, s.h1, row.times, call{method: "GET", path: "/openapi/v2", accept: "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"}, &bytes)
		if err != nil {
			return err
		}
		if err := s.quiet(ctx); err != nil {
			return err
		}
		after, _ := s.memory()
		m := listMeasure(l, bytes)
		m.detail += ", holds " + size(float64(max(after-before, 0))) + " more"
		b.record(row.name, s.t, m)
	}
	return nil
}

// customObjects creates, reads and lists 10,000 objects of one definition.
func customObjects(ctx context.Context, b *bench, s *server) error {
	path := kindPath(0)
	name := func(i int) string { return fmt.Sprintf("object-%05d", i) }
	const total = 10_000
	have := 0
	if err := b.inRounds(ctx, s.t, func(int) error {
		l, err := s.drive(ctx, s.h1, clients, min(total/rounds+1, total-have), 0, func(i int) call {
			return call{method: "POST", path: path, body: customObject(0, name(have+i))}
		})
		have += l.ops
		b.record("cr-create", s.t, l.measure())
		return err
	}); err != nil {
		return err
	}
	if err := b.inRounds(ctx, s.t, func(int) error {
		l, err := s.drive(ctx, s.h1, clients, 0, b.duration/rounds, func(i int) call { return call{method: "GET", path: path + "/" + name(i%total)} })
		b.record("cr-get", s.t, l.measure())
		return err
	}); err != nil {
		return err
	}
	return b.inRounds(ctx, s.t, func(int) error {
		var bytes int64
		l, err := s.repeat(ctx, s.h1, 6, call{method: "GET", path: path}, &bytes) // CPU is told in steps of 10 ms
		b.record("cr-list", s.t, listMeasure(l, bytes))
		return err
	})
}

// manyDefinitions gives a server 2,000 definitions and starts it anew with them. The reference would need gigabytes.
func manyDefinitions(ctx context.Context, b *bench, t *target) error {
	const many = 2_000
	dir, err := os.MkdirTemp(b.dir, "definitions-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, _, err := b.start(ctx, t, dir)
	if err != nil {
		return err
	}
	defer func() { s.stop() }()
	if err := s.define(ctx, 0, many); err != nil {
		return err
	}
	if err := errors.Join(s.namespace(ctx, "bench"), s.quiet(ctx)); err != nil {
		return err
	}
	anon, rss := s.memory()
	b.record("crds-anon", t, measure{value: float64(anon), unit: unitBytes, detail: "after they were posted; RSS " + size(float64(rss))})
	for i := range rounds {
		s.stop()
		var took time.Duration
		if s, took, err = b.start(ctx, t, dir); err != nil {
			return err
		}
		waited, err := s.served(ctx, kindPath(many-1))
		if err != nil {
			return err
		}
		b.record("crds-start", t, measure{value: float64(took), unit: unitTime, detail: "the last is served after " + short(waited) + " more"})
		if i < rounds-1 {
			continue
		}
		for _, row := range []string{"crds-discovery-first", "crds-discovery-second"} {
			if err := discover(ctx, b, s, row); err != nil {
				return err
			}
		}
	}
	return nil
}

// discover asks for what kubectl api-resources asks for.
func discover(ctx context.Context, b *bench, s *server, row string) error {
	const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	var sum int64
	from, cpu := time.Now(), s.cpu()
	for _, path := range []string{"/api", "/apis"} {
		n, err := s.do(ctx, s.h1, call{method: "GET", path: path, accept: accept})
		if err != nil {
			return err
		}
		sum += n
	}
	wall := time.Since(from)
	if err := s.quiet(ctx); err != nil {
		return err
	}
	anon, _ := s.memory()
	b.record(row, s.t, measure{value: float64(wall), unit: unitTime, detail: fmt.Sprintf("%s, CPU %s, anonymous memory then %s", size(float64(sum)), short(s.cpu()-cpu), size(float64(anon)))})
	return nil
}
