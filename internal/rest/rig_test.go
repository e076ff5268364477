package rest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pintle-io/pintle/internal/builtin"
	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/patch"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/rest"
	"github.com/pintle-io/pintle/internal/schema"
	"github.com/pintle-io/pintle/internal/store/memory"
)

// rig is a server over every built-in kind, on a store in memory; its clock stands still.
type rig struct {
	*rest.Server
	t   testing.TB
	cfg rest.Config
}

var epoch = time.Unix(1_700_000_000, 0).UTC()

// users knows one user by each of two tokens, and lets strangers ask for health.
type users struct{}

func (users) Authenticate(_ context.Context, r *http.Request) (*request.User, bool, error) {
	switch r.Header.Get("Authorization") {
	case "Bearer admin":
		return &request.User{Name: "admin", Groups: []string{request.GroupMasters}}, true, nil
	case "Bearer user":
		return &request.User{Name: "jane"}, true, nil
	case "":
		if r.URL.Path == "/healthz" {
			return &request.User{Name: request.Anonymous}, true, nil
		}
		return nil, false, nil
	}
	return nil, false, fmt.Errorf("no such token")
}

func newRig(t testing.TB, change ...func(*rest.Config)) *rig {
	t.Helper()
	s := memory.New(memory.Config{})
	catalog := &resource.Catalog{}
	catalog.Set(builtin.Groups(builtin.All(resource.Deps{Schemas: schema.NewBuiltin()})))
	ca, err := cache.New(cache.Config{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ca.Close(); s.Close() })
	var uids, names atomic.Int64
	e := engine.New(engine.Config{Store: s, Cache: ca, Catalog: catalog, Tracker: patch.NewTracker(),
		Clock:  func() time.Time { return epoch },
		NewUID: func() types.UID { return types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", uids.Add(1))) },
		Suffix: func() string { return fmt.Sprintf("%05d", names.Add(1)) }})
	cfg := rest.Config{Engine: rest.FromEngine(e), Catalog: catalog, Authn: users{},
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Checks: []rest.Check{{Name: "ping"}, {Name: "etcd"}}}
	for _, f := range change {
		f(&cfg)
	}
	r := &rig{rest.New(cfg), t, cfg}
	if strings.Contains(fmt.Sprintf("%T", cfg.Engine), "realEngine") {
		r.must(201, "POST /api/v1/namespaces", `{"metadata":{"name":"default"}}`)
	}
	return r
}

// do asks as admin. what is a method and a URL; headers alternate name and value.
func (r *rig) do(what, body string, headers ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	method, url, ok := strings.Cut(what, " ")
	if !ok {
		method, url = "GET", what
	}
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req := httptest.NewRequest(method, url, in)
	req.Header.Set("Authorization", "Bearer admin")
	req.Header.Set("User-Agent", "test/1")
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w
}

func (r *rig) must(code int, what, body string, headers ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	w := r.do(what, body, headers...)
	if w.Code != code {
		r.t.Fatalf("%s: %d %s", what, w.Code, w.Body)
	}
	return w
}

// expect is one answer: the whole body, or, where want ends in an ellipsis, its beginning.
func (r *rig) expect(what, body string, code int, contentType, want string, headers ...string) {
	r.t.Helper()
	w := r.do(what, body, headers...)
	got := w.Body.String()
	ok := got == want
	if prefix, cut := strings.CutSuffix(want, "…"); cut {
		ok = strings.HasPrefix(got, prefix)
	}
	if w.Code != code || w.Header().Get("Content-Type") != contentType || !ok {
		r.t.Errorf("%s %v\n got %d %s %s\nwant %d %s %s", what, headers, w.Code, w.Header().Get("Content-Type"), got, code, contentType, want)
	}
	if cl := w.Header().Get("Content-Length"); cl != "" && cl != fmt.Sprint(len(got)) {
		r.t.Errorf("%s: Content-Length %s of %d", what, cl, len(got))
	}
}

const (
	jsonType = "application/json"
	plain    = "text/plain; charset=utf-8"
)

// status is a Status as the reference writes it; details are JSON, or "" for none.
func status(code int, reason, message, details string) string {
	if details != "" {
		details = `"details":` + details + `,`
	}
	if reason != "" {
		reason = `"reason":"` + reason + `",`
	}
	return fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":%q,%s%s"code":%d}`+"\n", message, reason, details, code)
}

var (
	notFound   = status(404, "NotFound", "the server could not find the requested resource", "{}")
	notAllowed = status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", "{}")
)

// fake is an engine that does what its fields say.
type fake struct {
	rest.Engine
	get    func(context.Context, engine.Target) (engine.Result, error)
	create func(ctx context.Context, req *request.Request, t engine.Target, body object.Object, o metav1.CreateOptions) (engine.Result, error)
	watch  func(context.Context, engine.ListOptions) (rest.Watch, error)
}

func (f *fake) Get(ctx context.Context, _ *request.Request, t engine.Target, _ string) (engine.Result, error) {
	return f.get(ctx, t)
}

func (f *fake) Create(ctx context.Context, req *request.Request, t engine.Target, body object.Object, o metav1.CreateOptions) (engine.Result, error) {
	return f.create(ctx, req, t, body, o)
}

func (f *fake) Watch(ctx context.Context, _ *request.Request, _ engine.Target, o engine.ListOptions) (rest.Watch, error) {
	return f.watch(ctx, o)
}

func withFake(f *fake) func(*rest.Config) { return func(c *rest.Config) { c.Engine = f } }

var errSick = errors.New("the disk is full")

func clock() time.Time { return epoch }
