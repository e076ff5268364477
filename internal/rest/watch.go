package rest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/metric"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/request"
)

// frameFlush is how much of a burst of events is gathered before it is written.
const frameFlush = 32 << 10

// initialEventsEnd marks the bookmark that ends the initial events.
const initialEventsEnd = "k8s.io/initial-events-end"

// watch begins a watch: all that can be refused is refused here, and the headers are sent.
func (c *call) watch() {
	o, list, err := c.listOptions()
	if err != nil {
		c.fail(err)
		return
	}
	lifetime := time.Duration(0)
	if list.TimeoutSeconds != nil {
		lifetime = time.Duration(*list.TimeoutSeconds) * time.Second
	}
	if lifetime == 0 && c.s.Limits.MinWatch > 0 {
		lifetime = time.Duration(float64(c.s.Limits.MinWatch) * (rand.Float64() + 1))
	}
	deadline := time.Time{}
	if lifetime > 0 {
		deadline = c.began.Add(lifetime)
	}
	w := &watching{c: c, ctx: request.NewContext(c.r.Context(), &c.req, deadline)}
	c.watching = w
	w.unhook = context.AfterFunc(c.s.stopping(), w.ctx.Cancel)

	w.events, err = c.s.Engine.Watch(w.ctx, &c.req, c.t, o)
	if apierrors.IsResourceExpired(err) || apierrors.HasStatusCause(err, metav1.CauseTypeResourceVersionTooLarge) {
		w.events, err = over{err}, nil // told in the stream
	}
	if err == nil && c.media.as == asTable {
		w.table, err = c.newTable()
	}
	if err == nil && !c.media.enc.Streams() {
		if err = onlyAccepted(listedStreams); c.t.Version.Codec.New == nil {
			err = onlyAccepted(listed)
		}
	}
	if err != nil {
		w.over = true
		c.fail(err)
		return
	}
	w.counts = c.s.Metrics.Watch(c.req.Info.Group, c.req.Info.Version, c.req.Info.Resource)
	w.leave = c.s.Metrics.LongRunning(c.labels())
	if isWebSocket(c.r) {
		w.over = true
		w.serveWebSocket()
		return
	}
	c.warn(c.w.Header())
	c.w.Header().Set("Content-Type", streamType(c.media.enc))
	c.w.WriteHeader(http.StatusOK)
	w.out = http.NewResponseController(c.w.ResponseWriter)
	w.over = !w.flush()
}

// watching is a watch under way. Between events it holds no buffer, and no goroutine but the request's own.
type watching struct {
	c      *call
	ctx    *request.Context // ends with the client, with the watch's lifetime, and with the server
	events Watch
	over   bool
	unhook func() bool // from the server's end
	leave  func()      // of the metrics
	counts *metric.WatchSeries

	out    *http.ResponseController
	readBy time.Time   // the write deadline of a connection
	dog    *time.Timer // over a write to an HTTP/2 stream: see guard
	mu     sync.Mutex  // the dog must not bite when the request has ended
	ended  bool        // guarded by mu

	table *table // not nil for tables
	later bool   // an event was sent: tables leave out their columns from now on
	buf   []byte // of an object that has no shared bytes
}

// run waits for events and tells them. Its frame is small: this is where idle watches stay.
func (w *watching) run() {
	for !w.over {
		w.over = !w.tell(w.events.Next(w.ctx))
	}
}

// tell writes a batch of events, or why there are no more of them, and says whether there may be more.
func (w *watching) tell(batch []engine.Event, err error) bool {
	if err != nil && (w.ctx.Err() != nil || errors.Is(err, engine.ErrWatchEnded)) {
		return false
	}
	p := scratch.Get().(*[]byte)
	buf := (*p)[:0]
	defer func() { release(p, buf) }()
	w.guard()
	for i := range batch {
		if buf, err = w.event(buf, &batch[i]); err != nil {
			break
		}
		if len(buf) >= frameFlush {
			if _, err := w.c.w.Write(buf); err != nil {
				return false
			}
			buf = buf[:0]
			w.guard()
		}
	}
	if err != nil {
		buf = w.failure(buf, err)
	}
	if _, err := w.c.w.Write(buf); err != nil {
		return false
	}
	return w.flush() && err == nil
}

// guard gives the client some time to read what is written next: on a connection of its own a deadline, which is
// moved on now and then; on an HTTP/2 stream, where deadlines are dear and end idle streams too, a timer.
func (w *watching) guard() {
	limit := w.c.s.Limits.Stalled
	switch {
	case limit <= 0:
	case w.c.r.ProtoMajor < 2:
		if now := time.Now(); w.readBy.Sub(now) < limit/2 {
			w.readBy = now.Add(limit)
			_ = w.out.SetWriteDeadline(w.readBy)
		}
	case w.dog == nil:
		w.dog = time.AfterFunc(limit, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			if !w.ended {
				_ = w.out.SetWriteDeadline(time.Unix(1, 0)) // long ago: the stream is reset
			}
		})
	default:
		w.dog.Reset(limit)
	}
}

// flush sends what was written; false when the client has gone.
func (w *watching) flush() bool {
	err := w.out.Flush()
	if w.dog != nil {
		w.dog.Stop()
	}
	return err == nil
}

// end lets go of everything.
func (w *watching) end() {
	w.ctx.Cancel()
	w.unhook()
	if w.events != nil {
		w.events.Close()
	}
	if w.leave != nil {
		w.leave()
	}
	if w.dog != nil {
		w.dog.Stop()
		w.mu.Lock()
		w.ended = true
		w.mu.Unlock()
	}
}

// streamType is the content type of a watch.
func streamType(e object.Encoding) string {
	switch e {
	case object.JSON:
		return mediaTypes[e]
	case object.CBOR:
		return "application/cbor-seq"
	}
	return mediaTypes[e] + ";stream=watch"
}

// event appends the frame of an event.
func (w *watching) event(dst []byte, ev *engine.Event) ([]byte, error) {
	c := w.c
	var obj []byte
	var err error
	switch {
	case ev.Type == watch.Bookmark:
		obj, err = w.bookmark(ev)
	case w.table != nil:
		w.table.now = c.s.Now()
		w.buf, err = w.table.one(w.buf[:0], engine.Result{Record: ev.Record}, !w.later)
		obj = w.buf
	default:
		obj, err = recordBytes(&w.buf, ev.Record, c.t.Version, c.media)
	}
	if err != nil {
		return dst, err
	}
	w.later = true
	if ev.InitialEnd {
		c.s.Metrics.WatchList(c.labels(), time.Since(c.began))
	}
	before := len(dst)
	dst = object.AppendWatchEvent(dst, c.media.enc, string(ev.Type), obj)
	w.counts.Event(len(dst) - before)
	return dst, nil
}

// bookmark is an empty object that tells a revision.
func (w *watching) bookmark(ev *engine.Event) ([]byte, error) {
	c := w.c
	obj := c.t.Version.Codec.NewObject()
	obj.SetResourceVersion(strconv.FormatInt(ev.Revision, 10))
	if ev.InitialEnd {
		obj.SetAnnotations(map[string]string{initialEventsEnd: "true"})
	}
	switch {
	case w.table != nil:
		t := *w.table
		if ev.InitialEnd && t.include == metav1.IncludeNone {
			t.include = metav1.IncludeMetadata
		}
		return t.one(nil, engine.Result{Object: obj}, !w.later)
	case c.media.as != asIs:
		return object.EncodeAny(nil, c.media.enc, c.media.metaKind("PartialObjectMetadata"), object.PartialMeta(obj))
	}
	return c.t.Version.Codec.Append(nil, c.media.enc, obj)
}

// failure appends the frame that tells why the watch ends.
func (w *watching) failure(dst []byte, err error) []byte {
	var api apierrors.APIStatus
	if !errors.As(err, &api) {
		w.c.s.Logger.Error("a watch broke off", "URI", w.c.r.RequestURI, "audit-ID", w.c.req.AuditID, "err", err)
		err = apierrors.NewInternalError(err)
	}
	b, err := object.EncodeAny(nil, w.c.media.enc, statusKind, statusOf(err))
	if err != nil {
		return dst
	}
	return object.AppendWatchEvent(dst, w.c.media.enc, string(watch.Error), b)
}

// over is a watch that has ended before it began.
type over struct{ err error }

func (o over) Next(context.Context) ([]engine.Event, error) { return nil, o.err }
func (o over) Close()                                       {}
