package rest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
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

// watch streams events until the client goes, the time is up or the server stops. The goroutine is the request's own;
// between events it holds no buffer.
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
	ctx, cancel := c.watchContext(lifetime)
	defer cancel()

	events, err := c.s.Engine.Watch(ctx, &c.req, c.t, o)
	if apierrors.IsResourceExpired(err) {
		events, err = over{err}, nil // told in the stream
	}
	if err != nil {
		c.fail(err)
		return
	}
	defer events.Close()

	e := &encoder{c: c, counts: c.s.Metrics.Watch(c.req.Info.Group, c.req.Info.Version, c.req.Info.Resource)}
	if c.media.as == asTable {
		if e.table, err = c.newTable(); err != nil {
			c.fail(err)
			return
		}
	}
	if !c.media.enc.Streams() {
		if c.t.Version.Codec.New == nil {
			c.fail(onlyAccepted(listedTreeWatch))
		} else {
			c.fail(onlyAccepted(listedStreams))
		}
		return
	}
	defer c.s.Metrics.LongRunning(c.labels())()
	if isWebSocket(c.r) {
		c.watchWebSocket(ctx, cancel, events, e)
		return
	}

	c.warn(c.w.Header())
	c.w.Header().Set("Content-Type", streamType(c.media.enc))
	c.w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(c.w.ResponseWriter)
	c.deadline(rc)
	if rc.Flush() != nil {
		return
	}
	for {
		batch, err := events.Next(ctx)
		if err != nil && ctx.Err() != nil {
			return
		}
		p := scratch.Get().(*[]byte)
		buf := (*p)[:0]
		c.deadline(rc)
		for i := range batch {
			if buf, err = e.event(buf, &batch[i]); err != nil {
				break
			}
			if len(buf) >= frameFlush {
				if _, werr := c.w.Write(buf); werr != nil {
					release(p, buf)
					return
				}
				buf = buf[:0]
			}
		}
		if err != nil {
			buf = e.failure(buf, err)
		}
		_, werr := c.w.Write(buf)
		release(p, buf)
		if err != nil || werr != nil || rc.Flush() != nil {
			return
		}
	}
}

// watchContext ends with the client, with the lifetime, and with the server.
func (c *call) watchContext(lifetime time.Duration) (context.Context, context.CancelFunc) {
	deadline := time.Time{}
	if lifetime > 0 {
		deadline = c.began.Add(lifetime)
	}
	ctx := request.NewContext(c.r.Context(), &c.req, deadline)
	stop := context.AfterFunc(c.s.stopping(), ctx.Cancel)
	return ctx, func() { stop(); ctx.Cancel() }
}

// deadline gives the client its time to read what is written next.
func (c *call) deadline(rc *http.ResponseController) {
	if c.s.Limits.Stalled > 0 {
		_ = rc.SetWriteDeadline(time.Now().Add(c.s.Limits.Stalled))
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

// encoder turns events into frames around the bytes that all watchers share.
type encoder struct {
	c      *call
	table  *table // not nil for tables
	later  bool   // an event was sent: tables leave out their columns from now on
	counts *metric.WatchSeries
	obj    []byte
}

// event appends the frame of an event.
func (e *encoder) event(dst []byte, ev *engine.Event) ([]byte, error) {
	c := e.c
	var obj []byte
	var err error
	switch {
	case ev.Type == watch.Bookmark:
		obj, err = e.bookmark(ev)
	case e.table != nil:
		e.table.now = c.s.Now()
		e.obj, err = e.table.one(e.obj[:0], engine.Result{Record: ev.Record}, !e.later)
		obj = e.obj
	default:
		obj, err = recordBytes(&e.obj, ev.Record, c.t.Version, c.media)
	}
	if err != nil {
		return dst, err
	}
	e.later = true
	before := len(dst)
	dst = object.AppendWatchEvent(dst, c.media.enc, string(ev.Type), obj)
	e.counts.Event(len(dst) - before)
	return dst, nil
}

// bookmark is an empty object that tells a revision.
func (e *encoder) bookmark(ev *engine.Event) ([]byte, error) {
	c := e.c
	obj := c.t.Version.Codec.NewObject()
	obj.SetResourceVersion(strconv.FormatInt(ev.Revision, 10))
	if ev.InitialEnd {
		obj.SetAnnotations(map[string]string{initialEventsEnd: "true"})
	}
	switch {
	case e.table != nil:
		t := *e.table
		if ev.InitialEnd && t.include == metav1.IncludeNone {
			t.include = metav1.IncludeMetadata
		}
		return t.one(nil, engine.Result{Object: obj}, !e.later)
	case c.media.as != asIs:
		return object.EncodeAny(nil, c.media.enc, c.media.metaKind("PartialObjectMetadata"), object.PartialMeta(obj))
	}
	return c.t.Version.Codec.Append(nil, c.media.enc, obj)
}

// failure appends the frame that tells why the watch ends.
func (e *encoder) failure(dst []byte, err error) []byte {
	var api apierrors.APIStatus
	if !errors.As(err, &api) {
		e.c.s.Logger.Error("a watch broke off", "URI", e.c.r.RequestURI, "audit-ID", e.c.req.AuditID, "err", err)
		err = apierrors.NewInternalError(err)
	}
	b, err := object.EncodeAny(nil, e.c.media.enc, statusKind, statusOf(err))
	if err != nil {
		return dst
	}
	return object.AppendWatchEvent(dst, e.c.media.enc, string(watch.Error), b)
}

// over is a watch that has ended before it began.
type over struct{ err error }

func (o over) Next(context.Context) ([]engine.Event, error) { return nil, o.err }
func (o over) Close()                                       {}
