package rest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/net"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// Header values that many answers share. net/http does not write to them.
var (
	noCache      = []string{"no-cache, private"}
	noSniff      = []string{"nosniff"}
	contentTypes = func() (t [object.Encodings][]string) {
		for e, name := range mediaTypes {
			t[e] = []string{name}
		}
		return t
	}()
)

// gzipAbove is from how many bytes on an answer is compressed for those who accept it.
const gzipAbove = 128 << 10

// scratch holds buffers that answers are put together in.
var scratch = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}

func release(p *[]byte, b []byte) {
	if cap(b) <= 64<<10 {
		*p = b[:0]
		scratch.Put(p)
	}
}

// respond answers with the result of a get or a write.
func (c *call) respond(res engine.Result) {
	code := http.StatusOK
	switch {
	case res.Created:
		code = http.StatusCreated
	case res.Accepted:
		code = http.StatusAccepted
	}
	if res.Status != nil {
		s := *res.Status
		if s.Code == 0 && code == http.StatusCreated {
			s.Code = int32(code)
		}
		c.writeStatus(code, c.media, &s)
		return
	}
	switch c.media.as {
	case asPartialList:
		c.fail(notAcceptable("you requested PartialObjectMetadataList, but the requested object is not a list (*" + c.internalType("") + ")"))
		return
	case asTable:
		c.respondTable(code, res)
		return
	}
	p := scratch.Get().(*[]byte)
	b, err := c.encode(p, res)
	if err != nil {
		c.fail(err)
		return
	}
	c.write(code, c.media, b)
	release(p, *p)
}

// encode is the result in the encoding and shape that was asked for. It may be in buf.
func (c *call) encode(buf *[]byte, res engine.Result) ([]byte, error) {
	m := c.media
	if res.Record != nil {
		if c.r.Method != http.MethodGet {
			b, err := res.Record.Append((*buf)[:0], c.t.Version, m.enc, m.shape())
			if err == nil {
				*buf = b
			}
			return b, err
		}
		return recordBytes(buf, res.Record, c.t.Version, m)
	}
	if m.as == asPartial {
		obj, ok := res.Object.(object.Object)
		if !ok {
			return nil, fmt.Errorf("%T has no metadata", res.Object)
		}
		return object.EncodeAny(nil, m.enc, m.metaKind("PartialObjectMetadata"), object.PartialMeta(obj))
	}
	kind := res.Kind
	if kind.Empty() {
		kind = c.t.Kind()
	}
	return object.EncodeAny(nil, m.enc, kind, res.Object)
}

func (m media) shape() cache.Shape {
	switch {
	case m.as == asIs:
		return cache.Full
	case m.v1beta1:
		return cache.MetadataV1beta1
	}
	return cache.Metadata
}

func (m media) metaKind(kind string) schema.GroupVersionKind {
	k := metav1.SchemeGroupVersion.WithKind(kind)
	if m.v1beta1 {
		k.Version = "v1beta1"
	}
	return k
}

// internalType is how the reference's Go code calls the type of the target's objects (suffix "List": of lists): it
// shows in a few messages.
func (c *call) internalType(suffix string) string {
	v := c.t.Version
	if v.Codec.New == nil {
		return "unstructured.Unstructured" + suffix
	}
	return internalType(v.Codec.Kind) + suffix
}

func internalType(k schema.GroupVersionKind) string {
	pkg, _, _ := strings.Cut(k.Group, ".")
	if pkg == "" || pkg == "events" {
		pkg = "core"
	}
	return pkg + "." + k.Kind
}

// head writes the warnings, the content type and the status code.
func (c *call) head(code int, e object.Encoding) {
	h := c.w.Header()
	c.warn(h)
	h["Content-Type"] = contentTypes[e]
	c.w.WriteHeader(code)
}

// warn writes the warnings that are not told yet as headers, cut short when there are many.
func (c *call) warn(h http.Header) {
	if len(c.req.Warnings) == c.warned {
		return
	}
	news := c.req.Warnings[c.warned:]
	c.warned = len(c.req.Warnings)
	const most, mostEach = 4 << 10, 256 // runes
	total := 0
	for _, w := range news {
		total += len([]rune(w))
	}
	written := 0
	for _, w := range news {
		if total > most {
			if written >= most {
				return
			}
			if r := []rune(w); len(r) > mostEach {
				w = string(r[:mostEach])
			}
			written += len([]rune(w))
		}
		if v, err := net.NewWarningHeader(299, "", w); err == nil {
			h.Add("Warning", v)
		}
	}
}

// write answers with one document. JSON ends with a line feed unless it is pretty.
func (c *call) write(code int, m media, b []byte) {
	c.mark("answering")
	p := scratch.Get().(*[]byte)
	buf := (*p)[:0]
	switch {
	case m.enc == object.JSON && m.pretty:
		out := bytes.NewBuffer(buf)
		if err := json.Indent(out, b, "", "  "); err == nil {
			b, buf = out.Bytes(), out.Bytes()
		}
	case m.enc == object.JSON:
		buf = append(append(buf, b...), object.Newline...)
		b = buf
	}
	if len(b) > gzipAbove && acceptsGzip(c.r) {
		w := c.gzip()
		c.head(code, m.enc)
		_, err := w.Write(b)
		w.close(err)
	} else {
		c.w.Header()["Content-Length"] = []string{strconv.Itoa(len(b))}
		c.head(code, m.enc)
		_, _ = c.w.Write(b) // the client has gone when it fails
	}
	release(p, buf)
}

func acceptsGzip(r *http.Request) bool {
	h := r.Header.Get("Accept-Encoding")
	for part := range strings.SplitSeq(h, ",") {
		if strings.TrimSpace(part) == "gzip" {
			return true
		}
	}
	return false
}

var gzips = sync.Pool{New: func() any { w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed); return w }}

type gzipped struct{ *gzip.Writer }

func (c *call) gzip() gzipped {
	h := c.w.Header()
	h.Set("Content-Encoding", "gzip")
	h.Add("Vary", "Accept-Encoding")
	w := gzips.Get().(*gzip.Writer)
	w.Reset(&c.w)
	return gzipped{w}
}

func (w gzipped) close(err error) {
	if err == nil {
		_ = w.Writer.Close()
	}
	w.Reset(nil)
	gzips.Put(w.Writer)
}

// stream is the writer of an answer of unknown length. What a client who accepts gzip gets is held back until it is
// clear that it is long enough to be compressed.
type stream struct {
	c    *call
	enc  object.Encoding
	code int
	held []byte
	hold bool
	out  io.Writer
	gz   *gzipped
}

func (c *call) stream(code int, e object.Encoding) *stream {
	return &stream{c: c, enc: e, code: code, hold: acceptsGzip(c.r)}
}

func (s *stream) Write(b []byte) (int, error) {
	if s.out == nil && s.hold {
		if s.held = append(s.held, b...); len(s.held) <= gzipAbove {
			return len(b), nil
		}
		gz := s.c.gzip()
		s.gz = &gz
		s.c.head(s.code, s.enc)
		s.out = gz
		_, err := gz.Write(s.held)
		s.held = nil
		return len(b), err
	}
	if s.out == nil {
		s.c.head(s.code, s.enc)
		s.out = &s.c.w
	}
	return s.out.Write(b)
}

// close ends the answer.
func (s *stream) close(err error) {
	switch {
	case s.gz != nil:
		s.gz.close(err)
	case s.out == nil && err == nil:
		s.c.w.Header()["Content-Length"] = []string{strconv.Itoa(len(s.held))}
		s.c.head(s.code, s.enc)
		_, _ = s.c.w.Write(s.held)
	}
}

// recordBytes is a record as a version shows it. The bytes are everyone's, or else they are in the caller's buffer.
func recordBytes(buf *[]byte, r *cache.Record, v *resource.Version, m media) ([]byte, error) {
	if m.as == asIs && r.Served(v, m.enc) {
		*buf = object.AppendServed((*buf)[:0], r.Value, &r.Head, r.Revision)
		return *buf, nil
	}
	return r.Bytes(v, m.enc, m.shape())
}

// writeRaw answers with bytes as they are.
func (c *call) writeRaw(code int, e object.Encoding, b []byte) {
	w := c.stream(code, e)
	_, err := w.Write(b)
	w.close(err)
}
