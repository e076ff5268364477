package rest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// list answers with a page of objects.
func (c *call) list() {
	if c.virtual() {
		c.listVirtual()
		return
	}
	o, _, err := c.listOptions()
	if err != nil {
		c.fail(err)
		return
	}
	l, err := c.s.Engine.List(c.ctx, &c.req, c.t, o)
	if err != nil {
		c.fail(err)
		return
	}
	c.s.Metrics.List(c.t.Version.Group, c.t.Resource.Names.Plural, l.Looked, len(l.Records))
	c.respondList(l)
}

// respondList streams a list from the bytes of its records. A reader that stalls is let go.
func (c *call) respondList(l *engine.List) {
	c.mark("listing")
	if len(l.Records) > 100 && c.s.Limits.Stalled > 0 {
		rc := http.NewResponseController(&c.w)
		if rc.SetWriteDeadline(time.Now().Add(c.s.Limits.Stalled)) == nil {
			defer func() { _ = rc.SetWriteDeadline(time.Time{}) }()
		}
	}
	m := c.media
	frame := object.List{Tree: c.t.Version.Codec.New == nil, Meta: object.ListMeta{
		ResourceVersion: strconv.FormatInt(l.Revision, 10), Continue: l.Continue, Remaining: l.Remaining}}
	whole := false // items keep their kind
	switch m.as {
	case asTable:
		c.respondTableList(l)
		return
	case asPartial:
		c.fail(notAcceptable("you requested PartialObjectMetadata, but the requested object is a list (*" + c.internalType("List") + ")"))
		return
	case asPartialList:
		frame.Kind, frame.Tree, whole = m.metaKind("PartialObjectMetadataList"), false, true
	default:
		frame.Kind = c.t.Version.GV().WithKind(c.t.Resource.Names.ListKind)
	}
	if whole && len(l.Records) == 0 {
		c.respondNoPartials(frame)
		return
	}
	items := &records{records: l.Records, version: c.t.Version, media: m, kind: c.t.Kind(), whole: whole || frame.Tree}
	if m.enc == object.YAML {
		items.media.enc = object.JSON // YAML lists are made of JSON items
	}
	if m.enc == object.JSON && m.pretty {
		var b, out bytes.Buffer
		err := object.WriteList(&b, m.enc, frame, items)
		if err == nil {
			err = items.err
		}
		if err == nil {
			err = json.Indent(&out, bytes.TrimRight(b.Bytes(), "\n"), "", "  ")
		}
		if err != nil {
			c.fail(err)
			return
		}
		m.pretty, m.enc = false, object.JSON
		c.writeRaw(http.StatusOK, m.enc, out.Bytes())
		return
	}
	w := c.stream(http.StatusOK, m.enc)
	err := object.WriteList(w, m.enc, frame, items)
	if err == nil {
		err = items.err
	}
	w.close(err)
	if err != nil {
		c.fail(err)
	}
}

// respondNoPartials answers with a PartialObjectMetadataList of nothing: its items are null.
func (c *call) respondNoPartials(frame object.List) {
	empty := &metav1.PartialObjectMetadataList{ListMeta: metav1.ListMeta{ResourceVersion: frame.Meta.ResourceVersion,
		Continue: frame.Meta.Continue, RemainingItemCount: frame.Meta.Remaining}}
	b, err := object.EncodeAny(nil, c.media.enc, frame.Kind, empty)
	if err != nil {
		c.fail(err)
		return
	}
	c.write(http.StatusOK, c.media, b)
}

// records are the items of a list.
type records struct {
	records []*cache.Record
	version *resource.Version
	media   media
	kind    schema.GroupVersionKind
	whole   bool
	buf     []byte
	err     error
}

func (r *records) Len() int { return len(r.records) }

func (r *records) get(i int) []byte {
	b, err := recordBytes(&r.buf, r.records[i], r.version, r.media)
	if err != nil && r.err == nil {
		r.err = err
	}
	return b
}

func (r *records) Size(i int) int {
	if rec := r.records[i]; r.asStored(rec) {
		return object.ServedSize(rec.Value, &rec.Head, rec.Revision)
	}
	return len(object.ProtobufItem(r.get(i)))
}

func (r *records) Append(dst []byte, i int) []byte {
	if rec := r.records[i]; r.asStored(rec) {
		return object.AppendServedMessage(dst, rec.Value, &rec.Head, rec.Revision)
	}
	b := r.get(i)
	if b == nil {
		return dst
	}
	return object.AppendItem(dst, r.media.enc, r.kind, r.whole, b)
}

// asStored says whether the item is the stored message itself.
func (r *records) asStored(rec *cache.Record) bool {
	return r.media.enc == object.Protobuf && r.media.as == asIs && rec.Served(r.version, object.Protobuf)
}
