package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/rest"
)

// sink is a ResponseWriter that costs nothing.
type sink struct {
	h    http.Header
	code int
	n    int
}

func (s *sink) Header() http.Header { return s.h }
func (s *sink) WriteHeader(c int)   { s.code = c }
func (s *sink) Write(b []byte) (int, error) {
	s.n += len(b)
	return len(b), nil
}

// newSink has header room as net/http's has after the first use.
func newSink() *sink { return &sink{h: make(http.Header, 8)} }

func getRequest(target string, headers ...string) *http.Request {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		panic(err)
	}
	h := http.Header{"Authorization": {"Bearer admin"}, "User-Agent": {"bench/1"}, "Accept": {"application/json"}}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Request{Method: "GET", URL: u, Header: h, RequestURI: target, RemoteAddr: "127.0.0.1:1", ProtoMajor: 1, Body: http.NoBody}
}

func bench(b *testing.B, r *rig, target string, headers ...string) {
	req := getRequest(target, headers...)
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		w := newSink()
		req.Header["Authorization"] = []string{"Bearer admin"}
		r.ServeHTTP(w, req)
		if w.code != 200 {
			b.Fatal(w.code)
		}
		size = w.n
	}
	b.SetBytes(int64(size))
}

// BenchmarkGet is a GET of a 1 KB object, without net/http.
func BenchmarkGet(b *testing.B) {
	r := newRig(b)
	r.must(201, "POST "+cms, `{"metadata":{"name":"a"},"data":{"x":"`+strings.Repeat("x", 700)+`"}}`)
	b.Run("json", func(b *testing.B) { bench(b, r, cms+"/a") })
	b.Run("protobuf", func(b *testing.B) {
		bench(b, r, cms+"/a", "Accept", "application/vnd.kubernetes.protobuf,application/json")
	})
	b.Run("table", func(b *testing.B) { bench(b, r, cms+"/a", "Accept", tableV1) })
	b.Run("engine", func(b *testing.B) { // what of it is the engine's
		row, _ := r.cfg.Catalog.Load().Lookup("", "v1", "configmaps")
		t := engine.Target{Resource: row.Resource, Version: row.Version, Namespace: "default", Name: "a"}
		b.ReportAllocs()
		for b.Loop() {
			res, err := r.cfg.Engine.Get(context.Background(), nil, t, "")
			if err != nil {
				b.Fatal(err)
			}
			if _, err := res.Record.Bytes(row.Version, 0, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkList(b *testing.B) {
	r := newRig(b, func(c *rest.Config) {})
	for i := range 1000 {
		r.must(201, "POST "+cms, fmt.Sprintf(`{"metadata":{"name":"a%d"},"data":{"x":"%s"}}`, i, strings.Repeat("x", 700)))
	}
	for _, accept := range []string{"application/json", "application/vnd.kubernetes.protobuf", tableV1, partialsV1} {
		b.Run(accept, func(b *testing.B) { bench(b, r, cms, "Accept", accept) })
	}
	b.Run("ten", func(b *testing.B) { bench(b, r, cms+"?limit=10") })
}

func BenchmarkCreate(b *testing.B) {
	r := newRig(b)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		body := fmt.Sprintf(`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a%d"},"data":{"x":"%s"}}`, i, strings.Repeat("x", 700))
		i++
		req := getRequest(cms, "Content-Type", "application/json")
		req.Method, req.Body, req.ContentLength = "POST", nopCloser{strings.NewReader(body)}, int64(len(body))
		w := newSink()
		r.ServeHTTP(w, req)
		if w.code != 201 {
			b.Fatal(w.code)
		}
	}
}

type nopCloser struct{ *strings.Reader }

func (nopCloser) Close() error { return nil }
