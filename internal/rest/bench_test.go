package rest_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
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

// counter is the ResponseWriter of a watcher in memory.
type counter struct {
	sink
	told chan int
	seen int
}

func (c *counter) Flush() {
	if c.n != c.seen {
		c.seen = c.n
		c.told <- 1
	}
}

// BenchmarkWatch is one change told to 200 watchers, without net/http: the change itself is part of it.
func BenchmarkWatch(b *testing.B) {
	const watchers = 200
	for _, accept := range []string{"application/json", "application/vnd.kubernetes.protobuf"} {
		b.Run(accept, func(b *testing.B) {
			r := newRig(b)
			r.must(201, "POST "+cms, `{"metadata":{"name":"a"},"data":{"x":"`+strings.Repeat("x", 700)+`"}}`)
			ctx, cancel := context.WithCancel(b.Context())
			told := make(chan int, 10*watchers)
			for range watchers {
				w := &counter{sink: *newSink(), told: told}
				go r.ServeHTTP(w, getRequest(cms+"?watch=1", "Accept", accept).WithContext(ctx))
			}
			for range watchers {
				<-told
			}
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i++
				r.must(200, "PATCH "+cms+"/a", fmt.Sprintf(`{"metadata":{"annotations":{"i":"%d"}}}`, i), "Content-Type", "application/merge-patch+json")
				for range watchers {
					<-told
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/watchers, "ns/delivery")
			cancel()
		})
	}
}

// BenchmarkIdleWatch tells what a watch costs that has nothing to tell, on a connection of its own without TLS.
func BenchmarkIdleWatch(b *testing.B) {
	r := newRig(b)
	s := httptest.NewServer(r)
	defer s.Close()
	defer s.CloseClientConnections()
	used := func() uint64 {
		for range 5 {
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	for b.Loop() {
		const n = 1000
		before, goroutines := used(), runtime.NumGoroutine()
		var conns []net.Conn
		for range n {
			conn, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			fmt.Fprintf(conn, "GET %s?watch=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\n\r\n", cms)
			if _, err := conn.Read(make([]byte, 512)); err != nil {
				b.Fatal(err)
			}
			conns = append(conns, conn)
		}
		b.ReportMetric(float64(used()-before)/n, "B/watch")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/n, "goroutines/watch")
		for _, c := range conns {
			c.Close()
		}
	}
}
