package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"
)

// scenarios are the kinds of work, in the order in which they run.
var scenarios = []scenario{
	{name: "start", rows: []string{"start"}, run: startRuns},
	{name: "at rest, then requests", rows: []string{"rest-anon", "rest-rss", "get", "get-http2", "create", "update", "patch", "apply", "watch"}, run: requests},
	{name: "10,000 pods", rows: []string{"pods-create", "pods-peak", "pods-after", "list-first", "list-json", "list-protobuf", "list-gzip", "list-http2"}, run: pods},
	{name: "idle watches", rows: []string{"idle-watch"}, run: idleWatches},
	{name: "idle watches over HTTP/2", rows: []string{"idle-watch-http2"}, run: idleWatchesHTTP2},
	{name: "100,000 objects", rows: []string{"many-write-1k", "many-write-100k", "many-list-1k", "many-list-100k", "many-anon", "many-start"}, run: manyObjects, pintleOnly: true},
	{name: "custom resources", rows: []string{"crd-burst", "crd-serve", "crd-memory", "openapi-first", "openapi-second", "cr-create", "cr-get", "cr-list"}, run: customResources},
	{name: "2,000 definitions", rows: []string{"crds-anon", "crds-start", "crds-discovery-first", "crds-discovery-second"}, run: manyDefinitions, pintleOnly: true},
}

// startRuns starts ten fresh servers. The store of the reference runs before its clock does.
func startRuns(ctx context.Context, b *bench, t *target) error {
	for range 10 {
		s, d, err := b.start(ctx, t, "")
		if err != nil {
			return err
		}
		s.stop()
		os.RemoveAll(s.dir)
		b.record("start", t, measure{value: float64(d), unit: unitTime})
		if err := b.pass(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

const clients = 16

// requests measures a server at rest, then each kind of request on an object of about a kilobyte.
func requests(ctx context.Context, b *bench, t *target) error {
	s, _, err := b.start(ctx, t, "")
	if err != nil {
		return err
	}
	defer s.stop()
	if b.wants("rest-anon", "rest-rss") {
		ready := time.Now()
		if err := b.pass(ctx, t); err != nil { // all rest at once
			return err
		}
		if err := pause(ctx, 10*time.Second-time.Since(ready)); err != nil {
			return err
		}
		anon, rss := s.memory()
		b.record("rest-anon", t, measure{value: float64(anon), unit: unitBytes})
		b.record("rest-rss", t, measure{value: float64(rss), unit: unitBytes})
	}
	if err := s.namespace(ctx, "bench"); err != nil {
		return err
	}
	const base = "/api/v1/namespaces/bench/configmaps"
	object := maker(b.objects.configMap)
	name := func(i int) string { return fmt.Sprintf("object-%06d", i) }
	const pool = 200 // objects that updates, patches and applies take turns on
	created := 0
	create := func(i int) call { return call{method: "POST", path: base, body: object(name(created+i), 0)} }
	// What comes first warms the code paths and makes the pool.
	if _, err := s.drive(ctx, s.h1, clients, pool, 0, create); err != nil {
		return err
	}
	created += pool

	get := func(int) call { return call{method: "GET", path: base + "/" + name(0)} }
	applied := func(i int) string { return fmt.Sprintf("applied-%03d", i%pool) }
	kinds := []struct {
		row   string
		http2 bool
		next  func(i int) call
	}{
		{row: "get", next: get},
		{row: "get-http2", http2: true, next: get},
		{row: "create", next: create},
		{row: "update", next: func(i int) call {
			return call{method: "PUT", path: base + "/" + name(i%pool), body: object(name(i%pool), i+1)}
		}},
		{row: "patch", next: func(i int) call {
			return call{method: "PATCH", path: base + "/" + name(i%pool), contentType: "application/merge-patch+json",
				body: fmt.Appendf(nil, `{"data":{"counter":"p%d"}}`, i)}
		}},
		{row: "apply", next: func(i int) call {
			return call{method: "PATCH", path: base + "/" + applied(i) + "?fieldManager=bench&force=true",
				contentType: "application/apply-patch+yaml", body: object(applied(i), i+1)}
		}},
	}
	for _, k := range kinds {
		if !b.wants(k.row) {
			continue
		}
		c := newClient(k.http2, false)
		if _, err := s.drive(ctx, c, clients, pool, 0, k.next); err != nil {
			return fmt.Errorf("%s: %w", k.row, err)
		}
		created += pool
		sent := pool
		if err := b.inRounds(ctx, t, func(int) error {
			l, err := s.drive(ctx, c, clients, 0, b.duration/rounds, func(i int) call { return k.next(i + sent) })
			if err != nil {
				return fmt.Errorf("%s: %w", k.row, err)
			}
			sent += l.ops + clients
			b.record(k.row, t, l.measure())
			return nil
		}); err != nil {
			return err
		}
		created += sent
		c.CloseIdleConnections()
	}
	if b.wants("watch") {
		return watchers(ctx, b, s)
	}
	return nil
}

const podsPath = "/api/v1/namespaces/bench-pods/pods"

// pods fills a server with 10,000 pods and lists them, lets it rest for a minute, and lists them in other ways.
func pods(ctx context.Context, b *bench, t *target) error {
	s, _, err := b.start(ctx, t, "")
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.namespace(ctx, "bench-pods"); err != nil {
		return err
	}
	object := maker(b.objects.pod)
	const each = 10_000/rounds + 1
	have := 0
	if err := b.inRounds(ctx, t, func(int) error {
		l, err := s.drive(ctx, s.h1, clients, min(each, 10_000-have), 0, func(i int) call {
			return call{method: "POST", path: podsPath, body: object(fmt.Sprintf("web-7c5ddbdf54-%05d", have+i), 0)}
		})
		have += l.ops
		b.record("pods-create", t, l.measure())
		return err
	}); err != nil {
		return err
	}

	// The first list after the writes pays for what the others share, where there is something to share.
	var bytes, peak int64
	if err := s.peakDuring(&peak, func() error {
		l, err := s.repeat(ctx, s.h1, 1, call{method: "GET", path: podsPath}, &bytes)
		b.record("list-first", t, listMeasure(l, bytes))
		return err
	}); err != nil {
		return err
	}
	if err := b.pass(ctx, t); err != nil {
		return err
	}
	if err := b.inRounds(ctx, t, func(int) error {
		return s.peakDuring(&peak, func() error {
			l, err := s.repeat(ctx, s.h1, 3, call{method: "GET", path: podsPath}, &bytes)
			b.record("list-json", t, listMeasure(l, bytes))
			return err
		})
	}); err != nil {
		return err
	}
	listed := time.Now() // its last list is a turn of the others ago at most
	b.record("pods-peak", t, measure{value: float64(peak), unit: unitBytes})
	b.note("The JSON list of 10,000 pods has %d bytes from %s.", bytes, t.name)
	if b.wants("pods-after") {
		if err := b.pass(ctx, t); err != nil { // all rest at once
			return err
		}
		if err := pause(ctx, time.Minute-time.Since(listed)); err != nil {
			return err
		}
		anon, rss := s.memory()
		b.record("pods-after", t, measure{value: float64(anon), unit: unitBytes, detail: "RSS " + size(float64(rss))})
	}
	return podLists(ctx, b, s)
}

// podLists lists the pods in other ways.
func podLists(ctx context.Context, b *bench, s *server) error {
	for _, k := range []struct {
		row    string
		client *http.Client
		call   call
	}{
		{"list-protobuf", newClient(false, false), call{accept: "application/vnd.kubernetes.protobuf"}},
		{"list-gzip", newClient(false, false), call{gzip: true}},
		{"list-http2", newClient(true, false), call{}},
	} {
		if !b.wants(k.row) {
			continue
		}
		k.call.method, k.call.path = "GET", podsPath
		var bytes int64
		if err := b.inRounds(ctx, s.t, func(int) error {
			l, err := s.repeat(ctx, k.client, 4, k.call, &bytes)
			b.record(k.row, s.t, listMeasure(l, bytes))
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// repeat sends the same call n times, one after another.
func (s *server) repeat(ctx context.Context, c *http.Client, n int, r call, bytes *int64) (load, error) {
	var took []time.Duration
	from, cpu := time.Now(), s.cpu()
	for range n {
		sent := time.Now()
		got, err := s.do(ctx, c, r)
		if err != nil {
			return load{}, err
		}
		*bytes = got
		took = append(took, time.Since(sent))
	}
	l := load{ops: n, cpu: s.cpu() - cpu, wall: time.Since(from)}
	slices.Sort(took)
	l.p50, l.p99 = took[n/2], took[n-1]
	return l, nil
}

func listMeasure(l load, bytes int64) measure {
	m := l.measure()
	m.detail = fmt.Sprintf("%s, p50 %s", size(float64(bytes)), short(l.p50))
	return m
}

// manyObjects compares a server with 1,000 objects to one with 100,000, a hundred to a namespace, and starts it anew
// with them.
func manyObjects(ctx context.Context, b *bench, t *target) error {
	dir, err := os.MkdirTemp(b.dir, "many-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, _, err := b.start(ctx, t, dir)
	if err != nil {
		return err
	}
	defer func() { s.stop() }()
	object := maker(b.objects.configMap)
	path := func(ns int) string { return fmt.Sprintf("/api/v1/namespaces/many-%04d/configmaps", ns) }
	const each = 100
	have := 0
	for _, step := range []struct {
		name  string
		total int
	}{{"1k", 1_000}, {"100k", 100_000}} {
		first, last := have/each, step.total/each
		if _, err := s.drive(ctx, s.h1, clients, last-first, 0, func(i int) call {
			return call{method: "POST", path: "/api/v1/namespaces", body: fmt.Appendf(nil, `{"metadata":{"name":"many-%04d"}}`, first+i)}
		}); err != nil {
			return err
		}
		if _, err := s.drive(ctx, s.h1, clients, step.total-have, 0, func(i int) call {
			n := have + i
			return call{method: "POST", path: path(n / each), body: object(fmt.Sprintf("object-%03d", n%each), 0)}
		}); err != nil {
			return err
		}
		have = step.total
		write, err := s.drive(ctx, s.h1, clients, 0, b.duration, func(i int) call {
			n := i % have
			name := fmt.Sprintf("object-%03d", n%each)
			return call{method: "PUT", path: path(n/each) + "/" + name, body: object(name, i+1)}
		})
		if err != nil {
			return err
		}
		b.record("many-write-"+step.name, t, write.measure())
		var bytes int64
		list, err := s.repeat(ctx, s.h1, 500, call{method: "GET", path: path(3)}, &bytes)
		if err != nil {
			return err
		}
		b.record("many-list-"+step.name, t, listMeasure(list, bytes))
	}
	anon, rss := s.memory()
	b.record("many-anon", t, measure{value: float64(anon), unit: unitBytes, detail: "RSS " + size(float64(rss))})
	if !b.wants("many-start") {
		return nil
	}
	s.stop()
	var took, listed []time.Duration
	for range 5 {
		var d time.Duration
		if s, d, err = b.start(ctx, t, dir); err != nil {
			return err
		}
		took = append(took, d)
		// What start-up left for later comes with the first list.
		from := time.Now()
		if _, err := s.do(ctx, s.h1, call{method: "GET", path: path(3)}); err != nil {
			return err
		}
		listed = append(listed, time.Since(from))
		s.stop()
	}
	slices.Sort(took)
	slices.Sort(listed)
	b.record("many-start", t, measure{value: float64(took[2]), unit: unitTime, detail: "median of 5; the first list then takes " + short(listed[2])})
	return nil
}
