package rest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/metric"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/resource"
)

// The levels of log lines: -v=3 shows each request.
const levelAccess = slog.Level(-3)

// slow is from when on a request is traced in the log.
const slow = 500 * time.Millisecond

// call is one request on its way through this package.
type call struct {
	s   *Server
	w   writer
	r   *http.Request
	ctx *request.Context
	req request.Request

	row    resource.Row
	t      engine.Target
	media  media
	query_ url.Values // parsed on first use, by query
	began  time.Time  // by the real clock
	dryRun string
	// writes is set by a write whose options are right, of which validation is the wish for its fields.
	writes     bool
	validation string
	warned     int // how many warnings are in the header already

	inFlight *atomic.Int64 // where the request is counted in
	watching *watching     // not nil for a watch that has begun

	steps  [6]step // what took how long, for slow requests
	nsteps int
}

type step struct {
	name string
	at   time.Time
}

// ServeHTTP serves a request; a watch goes on here after all else has been done, where the stack is shallow: there
// may be many of them, and the runtime shrinks the stacks of those that wait.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{s: s, w: writer{ResponseWriter: w}, r: r, began: time.Now()}
	defer c.finish()
	c.chain()
	if c.watching != nil {
		c.watching.run()
	}
}

// chain is the whole way of a request, in order.
func (c *call) chain() {
	// 1. A panic is answered with 500, logged, and hurts nobody else: finish, below.
	s, w, r := c.s, c.w.ResponseWriter, c.r

	// 2. Every answer names its audit ID and forbids caching.
	h := w.Header()
	id := r.Header["Audit-Id"]
	if len(id) == 0 || id[0] == "" {
		id = []string{newAuditID()}
	}
	h["Audit-Id"] = id[:1:1]
	h["Cache-Control"] = noCache

	// 3. What is asked.
	var err error
	if c.req.Info, err = request.Parse(r.Method, r.URL); err != nil {
		internalError(&c.w, r, fmt.Errorf("failed to create RequestInfo: %w", err))
		return
	}
	in := &c.req.Info
	c.req.Now = s.Now()
	c.req.UserAgent = r.UserAgent()
	c.req.SourceIP = r.RemoteAddr
	c.req.AuditID = id[0]

	// 4. Until when.
	long := in.LongRunning()
	deadline := time.Time{}
	if !long && s.Limits.Request > 0 {
		timeout, err := c.timeout()
		if err != nil {
			c.fail(apierrors.NewBadRequest(err.Error()))
			return
		}
		deadline = c.began.Add(timeout)
	}
	c.ctx = request.NewContext(r.Context(), &c.req, deadline)
	if !deadline.IsZero() && r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(deadline)
	}

	// 5. Who asks.
	asked := time.Now()
	user, ok, err := s.Authn.Authenticate(c.ctx, r)
	known := time.Now()
	s.Metrics.Filter(metric.Authentication, known.Sub(asked))
	c.warn(h) // of a credential that counts for nothing: whoever answers
	if err != nil || !ok {
		if err != nil {
			s.Logger.Warn("unable to authenticate the request", "err", err, "audit-ID", id[0], "srcIP", r.RemoteAddr)
		}
		if r.ProtoMajor == 2 { // strangers do not get to keep an HTTP/2 connection
			h.Set("Connection", "close")
		}
		c.fail(apierrors.NewUnauthorized("Unauthorized"))
		return
	}
	c.req.User = user
	delete(r.Header, "Authorization") // nothing below, and nobody it talks to, needs the credential

	// 6. Audit, 7. impersonation: their issues.

	// 8. Not too many at a time.
	if !long {
		if c.inFlight = s.enter(in.Verb, user); c.inFlight == nil {
			s.Metrics.Terminated(c.labels(), http.StatusTooManyRequests)
			h.Set("Retry-After", "1")
			http.Error(&c.w, "Too many requests, please try again later.", http.StatusTooManyRequests)
			return
		}
	}

	// 9. Whether the user may.
	if s.Authorizer != nil {
		known = time.Now()
		decision, reason, err := s.Authorizer.Authorize(c.ctx, user, in)
		s.Metrics.Filter(metric.Authorization, time.Since(known))
		switch {
		case decision == request.Allow:
		case err != nil:
			internalError(&c.w, r, err)
			return
		default:
			h["X-Content-Type-Options"] = noSniff
			c.fail(forbidden(user, in, reason))
			return
		}
	}

	// 10. To the one who serves it.
	s.route(c)
}

// finish is the end of every request: it answers for panics, counts and logs.
func (c *call) finish() {
	p := recover()
	if c.watching != nil {
		c.watching.end()
	}
	if c.ctx != nil {
		c.ctx.Cancel()
	}
	if c.inFlight != nil {
		c.inFlight.Add(-1)
	}
	if p != nil {
		if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares like this
			c.s.Metrics.Aborted(c.labels())
			panic(p)
		}
		c.s.Logger.Error("a request panicked", "method", c.r.Method, "URI", c.r.RequestURI, "audit-ID", c.req.AuditID,
			"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		if c.w.status != 0 { // half an answer is out: the client must not take it for a whole one
			panic(http.ErrAbortHandler)
		}
		h := c.w.Header()
		h.Del("Content-Length")
		h.Del("Content-Encoding")
		http.Error(&c.w, "This request caused apiserver to panic. Look in the logs for details.", http.StatusInternalServerError)
	}
	if c.w.status == 0 {
		c.w.status = http.StatusOK
	}
	s := c.s
	took := time.Since(c.began)
	if c.row.Resource != nil || !c.req.Info.IsResource && knownPath(c.req.Info.Path) != "" {
		s.Metrics.Request(c.labels(), c.w.status, took, c.w.written)
	}
	if c.writes {
		s.Metrics.FieldValidation(c.validation, took)
	}
	if s.Logger.Enabled(c.r.Context(), levelAccess) {
		s.Logger.Log(c.r.Context(), levelAccess, "HTTP", "verb", c.labels().Verb, "URI", c.r.RequestURI, "latency", took,
			"userAgent", c.req.UserAgent, "audit-ID", c.req.AuditID, "srcIP", c.r.RemoteAddr, "resp", c.w.status)
	}
	if took >= slow && !c.req.Info.LongRunning() {
		c.trace(took)
	}
}

// mark notes that a step of the request ends here.
func (c *call) mark(name string) {
	if c.nsteps < len(c.steps) {
		c.steps[c.nsteps] = step{name, time.Now()}
		c.nsteps++
	}
}

// trace tells where a slow request has spent its time.
func (c *call) trace(took time.Duration) {
	args := make([]any, 0, 2*c.nsteps+14)
	args = append(args, "verb", c.labels().Verb, "URI", c.r.RequestURI, "total", took, "resp", c.w.status,
		"size", c.w.written, "audit-ID", c.req.AuditID, "userAgent", c.req.UserAgent)
	last := c.began
	for _, st := range c.steps[:c.nsteps] {
		args = append(args, st.name, st.at.Sub(last))
		last = st.at
	}
	c.s.Logger.Info("Trace", args...)
}

// query is the request's query, parsed once.
func (c *call) query() url.Values {
	if c.query_ == nil && c.r.URL.RawQuery != "" {
		c.query_ = c.r.URL.Query()
	}
	return c.query_
}

// timeout is how long the request may take: less than the limit where the client says so with ?timeout=.
func (c *call) timeout() (time.Duration, error) {
	limit := c.s.Limits.Request
	if !strings.Contains(c.r.URL.RawQuery, "timeout") {
		return limit, nil
	}
	v := c.query().Get("timeout")
	if v == "" {
		return limit, nil
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		return 0, fmt.Errorf("invalid timeout specified in the request URL - %w", err)
	}
	if d > 0 && d < limit {
		return d, nil
	}
	return limit, nil
}

// labels are the request's in the metrics.
func (c *call) labels() metric.Labels {
	in := &c.req.Info
	l := metric.Labels{Verb: c.r.Method, DryRun: c.dryRun}
	if !in.IsResource {
		l.Subresource = knownPath(in.Path)
		return l
	}
	l.Group, l.Version, l.Resource, l.Subresource = in.Group, in.Version, in.Resource, in.Subresource
	switch {
	case in.Name != "" || in.Verb == "create":
		l.Scope = "resource"
	case in.Namespace != "":
		l.Scope = "namespace"
	default:
		l.Scope = "cluster"
	}
	switch in.Verb {
	case "list":
		l.Verb = "LIST"
	case "watch":
		l.Verb = "WATCH"
	case "deletecollection":
		l.Verb = "DELETE"
	case "patch":
		if strings.HasPrefix(c.r.Header.Get("Content-Type"), "application/apply-patch+") {
			l.Verb = "APPLY"
		}
	}
	switch in.Subresource {
	case "log", "exec", "portforward", "attach", "proxy":
		l.Verb = "CONNECT"
	}
	return l
}

// enter counts a request in and returns the counter; nil when there are too many already. The privileged always get in.
func (s *Server) enter(verb string, user *request.User) *atomic.Int64 {
	n, limit := &s.mutating, s.Limits.Mutating
	if verb == "get" || verb == "list" || verb == "watch" {
		n, limit = &s.readOnly, s.Limits.ReadOnly
	}
	if now := n.Add(1); limit > 0 && now > int64(limit) && !slices.Contains(user.Groups, request.GroupMasters) {
		n.Add(-1)
		return nil
	}
	return n
}

// newAuditID is a random UUID. Nothing rests on its being hard to guess.
func newAuditID() string {
	const hex = "0123456789abcdef"
	var b [36]byte
	hi, lo := rand.Uint64(), rand.Uint64()
	hi = hi&^0xf000 | 0x4000
	lo = lo&^(0xc<<60) | 0x8<<60
	for i := 35; i >= 0; i-- {
		switch i {
		case 8, 13, 18, 23:
			b[i] = '-'
			continue
		}
		v := &lo
		if i < 18 {
			v = &hi
		}
		b[i] = hex[*v&0xf]
		*v >>= 4
	}
	return string(b[:])
}

// writer notes what was answered.
type writer struct {
	http.ResponseWriter
	status  int
	written int64
}

func (w *writer) WriteHeader(code int) {
	if w.status == 0 && code >= 200 {
		w.status = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *writer) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.written += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher for the handlers of others.
func (w *writer) Flush() {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack implements http.Hijacker for streams that are no HTTP any more.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.status == 0 {
		w.status = http.StatusSwitchingProtocols
	}
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// isTimeout says whether the request's own deadline has passed.
func (c *call) isTimeout(err error) bool {
	if c.ctx == nil || c.ctx.Err() != context.DeadlineExceeded { //nolint:errorlint // it is ours
		return false
	}
	var net net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &net) && net.Timeout() || apierrors.IsTimeout(err)
}
