package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestMaker(t *testing.T) {
	b := &bench{}
	if err := b.prepareObjects(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, object := range []map[string]any{b.objects.configMap, b.objects.pod} {
		var got map[string]any
		if err := json.Unmarshal(maker(object)("web-1", 42), &got); err != nil {
			t.Fatal(err)
		}
		if name := got["metadata"].(map[string]any)["name"]; name != "web-1" {
			t.Errorf("name %v", name)
		}
		if data, ok := got["data"].(map[string]any); ok && data["counter"] != "42" {
			t.Errorf("counter %v", data["counter"])
		}
		for _, owned := range []string{"uid", "resourceVersion", "managedFields", "creationTimestamp"} {
			if _, ok := got["metadata"].(map[string]any)[owned]; ok {
				t.Errorf("the server's own %s is in the object", owned)
			}
		}
	}
}

func TestEveryRowHasAScenario(t *testing.T) {
	of := map[string]bool{}
	for _, s := range scenarios {
		for _, r := range s.rows {
			of[r] = true
		}
	}
	for _, r := range allRows {
		if !of[r.name] {
			t.Errorf("no scenario fills %s", r.name)
		}
		delete(of, r.name)
	}
	for r := range of {
		t.Errorf("no row %s", r)
	}
}

func TestReport(t *testing.T) {
	pintle, bare := &target{name: "pintle"}, &target{kind: kindBare, name: "bare reference"}
	b := &bench{targets: []*target{pintle, bare}, results: map[string]map[string][]measure{
		"get":       {"pintle": {{value: 80e3}, {value: 50e3}, {value: 40e3}}, "bare reference": {{value: 400e3}}},
		"rest-anon": {"pintle": {{value: 10 << 20, unit: unitBytes}}, "bare reference": {{value: 1 << 30, unit: unitBytes}}},
		"create":    {"bare reference": {{value: 1e6, detail: "p50 1 ms"}}},
	}}
	text := b.markdown(time.Minute)
	for _, want := range []string{
		"| work | pintle | bare reference | ratio |\n|---|---|---|---|\n",
		"| GET of a 1 KB object, CPU | 50.0 µs (40.0 µs to 80.0 µs) | 400 µs | 8.0 × |\n",
		"| at rest: anonymous memory, server and store | 10.0 MB | 1.00 GB | 102 × |\n",
		"CPU | | 1.00 ms (p50 1 ms) | |\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
	d := xml.NewDecoder(strings.NewReader(string(b.svg())))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
