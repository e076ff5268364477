// Package rest is the HTTP layer: from a request to a call of the engine, and from its result to bytes.
//
// Nouns: a Server is the handler of everything; a call is one request on its way through it; a media says in which
// encoding and form an answer is given. Reading order is running order: chain.go, route.go, then the file of the
// verb, then respond.go.
//
// Invariants: errors are turned into a Status in one place (respond.go's fail); every answer to an error is in the
// reference's words; objects are answered from the bytes that the cache shares, decoded only where their form asks
// for it (tables).
//
// Concurrency: a Server is immutable; a call belongs to the goroutine that net/http serves it on, all the way down.
package rest

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"

	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/metric"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/resource"
)

// Engine is what the verbs call.
type Engine interface {
	Get(ctx context.Context, req *request.Request, t engine.Target, resourceVersion string) (engine.Result, error)
	List(ctx context.Context, req *request.Request, t engine.Target, o engine.ListOptions) (*engine.List, error)
	Watch(ctx context.Context, req *request.Request, t engine.Target, o engine.ListOptions) (Watch, error)
	Create(ctx context.Context, req *request.Request, t engine.Target, body object.Object, o metav1.CreateOptions) (engine.Result, error)
	Update(ctx context.Context, req *request.Request, t engine.Target, body object.Object, o metav1.UpdateOptions) (engine.Result, error)
	Patch(ctx context.Context, req *request.Request, t engine.Target, p engine.Patch, o metav1.PatchOptions) (engine.Result, error)
	Delete(ctx context.Context, req *request.Request, t engine.Target, o *metav1.DeleteOptions) (engine.Result, error)
	DeleteCollection(ctx context.Context, req *request.Request, t engine.Target, o *metav1.DeleteOptions, lo engine.ListOptions) (*engine.List, error)
}

// Watch is a cursor on the event log.
type Watch interface {
	// Next blocks until there are events. The slice is valid until the next call.
	Next(ctx context.Context) ([]engine.Event, error)
	Close()
}

// FromEngine is the engine as an Engine.
func FromEngine(e *engine.Engine) Engine { return realEngine{e} }

type realEngine struct{ *engine.Engine }

func (e realEngine) Watch(ctx context.Context, req *request.Request, t engine.Target, o engine.ListOptions) (Watch, error) {
	w, err := e.Engine.Watch(ctx, req, t, o)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Authenticator says who asks. False and no error is somebody without any credential.
type Authenticator interface {
	Authenticate(context.Context, *http.Request) (*request.User, bool, error)
}

// Config is what a Server stands on. Engine, Catalog and Authn are needed.
type Config struct {
	Engine  Engine
	Catalog *resource.Catalog
	// Settle waits until the Catalog has every change of custom resources that this server has seen; when fresh, every one
	// that was committed before the call. Nil: the Catalog never changes.
	Settle     func(ctx context.Context, fresh bool) error
	Authn      Authenticator
	Authorizer request.Authorizer // nil: whoever is authenticated may do everything

	// Discovery serves /api, /apis and what is below them but is not a resource; OpenAPI /openapi/v2, /openapi/v3 and below.
	// Their paths are 404 while they are nil.
	Discovery http.Handler
	OpenAPI   http.Handler
	// Others are further paths outside the API, by exact path, or by prefix where it ends in a slash.
	Others map[string]http.Handler

	Checks  []Check
	Version version.Info // shown by /version

	Limits Limits
	// Stopping is closed when the server stops: watches end. Nil: never.
	Stopping <-chan struct{}

	Metrics *metric.Metrics // nil: a registry of its own
	Logger  *slog.Logger    // nil: slog.Default()
	Now     func() time.Time
}

// Limits bound what one client can cost the others. Zero values are the reference's defaults, negative ones none.
type Limits struct {
	ReadOnly, Mutating int           // requests in flight: 400 and 200
	Request            time.Duration // how long a request may take unless it is a watch or a stream: 60 s
	MinWatch           time.Duration // a watch without timeoutSeconds lives one to two times that long: 30 min
	Stalled            time.Duration // how long a watcher or a reader of a list may not read at all: 60 s
	Body               int64         // bytes: 3 MiB
}

func (l *Limits) setDefaults() {
	set(&l.ReadOnly, 400)
	set(&l.Mutating, 200)
	set(&l.Request, 60*time.Second)
	set(&l.MinWatch, 30*time.Minute)
	set(&l.Stalled, 60*time.Second)
	set(&l.Body, 3<<20)
}

func set[T int | int64 | time.Duration](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

// Server serves the API.
type Server struct {
	Config
	accepts acceptCache
	version []byte

	readOnly, mutating atomic.Int64 // in flight

	// stopping ends with Stopping; it is made for the first watch.
	stopping func() context.Context
}

// New returns a Server.
func New(c Config) *Server {
	c.Limits.setDefaults()
	if c.Metrics == nil {
		c.Metrics = metric.New()
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Server{Config: c, version: versionJSON(c.Version)}
	s.stopping = sync.OnceValue(func() context.Context {
		if c.Stopping == nil {
			return context.Background()
		}
		ctx, cancel := context.WithCancel(context.Background())
		go func() { <-c.Stopping; cancel() }()
		return ctx
	})
	c.Metrics.Gauge(metric.Inflight, func(tell func(float64, ...string)) {
		tell(float64(s.mutating.Load()), "mutating")
		tell(float64(s.readOnly.Load()), "readOnly")
	})
	return s
}
