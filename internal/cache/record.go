package cache

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/store"
)

// Shape is what of an object is shown.
type Shape uint8

const (
	Full            Shape = iota
	Metadata              // PartialObjectMetadata, meta.k8s.io/v1
	MetadataV1beta1       // PartialObjectMetadata, meta.k8s.io/v1beta1
)

// Record is one stored object at one revision.
type Record struct {
	Key      store.Key
	Revision int64
	Value    []byte
	Head     object.Head

	table  *Table
	fields []string // the selectable fields' values, in the order of table.fields
	// foreign says that the bytes hold another version than the one that is stored today.
	foreign bool
	// form says whether the bytes are what this server would write of the object under today's schema.
	form atomic.Int32

	enc atomic.Pointer[encoding]
	mu  sync.Mutex // making encodings
}

// encoding is one way that a record was written down; a record's form a list.
type encoding struct {
	version *resource.Version
	how     object.Encoding
	shape   Shape
	data    []byte
	free    bool // not counted
	writers bool // made for the record's writer
	next    *encoding
}

// The forms of a record.
const (
	unlooked  int32 = iota // nobody has looked yet
	canonical              // the bytes are what the object is
	outdated               // the object is what Version.Restore makes of them
)

// Object decodes the record afresh, in the storage version with its resourceVersion.
func (r *Record) Object() (object.Object, error) { return r.In(r.table.storage) }

// In decodes the record afresh in the version v.
func (r *Record) In(v *resource.Version) (object.Object, error) {
	if r.far(v) {
		return r.converted(context.Background(), v)
	}
	from, err := r.version()
	if err != nil {
		return nil, err
	}
	obj, err := r.stored(from)
	if err != nil || from == v {
		return obj, err
	}
	return resource.Convert(context.Background(), obj, from, v)
}

// version is the one that the stored bytes hold.
func (r *Record) version() (*resource.Version, error) {
	if !r.foreign {
		return r.table.storage, nil
	}
	kind := object.StoredKind(r.Value)
	if from := r.table.resource.Of(kind); from != nil {
		return from, nil
	}
	return nil, fmt.Errorf("stored as %s, which is not known here", kind)
}

// stored decodes the bytes in the version that they hold.
func (r *Record) stored(from *resource.Version) (object.Object, error) {
	obj, err := from.Codec.DecodeStored(r.Value, r.Revision)
	if err != nil {
		return nil, fmt.Errorf("decoding %s: %w", r.Key, err)
	}
	if from.Restore != nil && r.form.Load() != canonical {
		err = from.Restore(obj)
	}
	return obj, err
}

// Bytes is the record as a version, encoding and shape show it, resourceVersion included: with kind and
// apiVersion, no trailing newline. The bytes are shared, and made once for everyone who asks.
func (r *Record) Bytes(v *resource.Version, e object.Encoding, s Shape) ([]byte, error) {
	if s == Full && r.served(v, e) {
		return object.AppendServed(make([]byte, 0, len(r.Value)+24), r.Value, &r.Head, r.Revision), nil
	}
	if r.far(v) {
		if err := Convert(context.Background(), []*Record{r}, v); err != nil {
			return nil, err
		}
	}
	if b := r.find(v, e, s); b != nil {
		return b, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.find(v, e, s); b != nil {
		return b, nil
	}
	b, err := r.encode(make([]byte, 0, 2*len(r.Value)+256), v, e, s)
	if err != nil {
		return nil, err
	}
	c := r.table.cache
	if e == object.JSON && c.encoded.Load()+int64(len(b)) <= c.cfg.EncodingBytes {
		b = bytes.Clone(b)
		r.keep(&encoding{version: v, how: e, shape: s, data: b})
	}
	return b, nil
}

// keep puts an encoding beside the stored bytes. The caller holds r.mu.
func (r *Record) keep(n *encoding) {
	if r.table.ended.Load() {
		return // nobody would count it out again
	}
	r.table.cache.encoded.Add(int64(len(n.data)))
	n.next = r.enc.Load()
	r.enc.Store(n)
}

// superseded lets go of what was made for the writer, in case a reader followed him: readers come for the newer record
// now, and a watcher who is late makes what he needs. What somebody is at work on is left as it is.
func (r *Record) superseded() {
	if r.enc.Load() == nil || !r.mu.TryLock() {
		return
	}
	defer r.mu.Unlock()
	var kept *encoding
	for n := r.enc.Load(); n != nil; n = n.next {
		if n.writers {
			r.table.cache.encoded.Add(-int64(len(n.data)))
		} else {
			kept = &encoding{version: n.version, how: n.how, shape: n.shape, data: n.data, free: n.free, next: kept}
		}
	}
	r.enc.Store(kept)
}

// Served says whether the record's Value is what v shows in the encoding, but for the resourceVersion:
// object.AppendServed makes that of it, into a buffer of the caller's.
func (r *Record) Served(v *resource.Version, e object.Encoding) bool { return r.served(v, e) }

// served says whether the stored bytes are the answer, but for the resourceVersion.
func (r *Record) served(v *resource.Version, e object.Encoding) bool {
	return v == r.table.storage && e == r.table.storedAs && !r.foreign && (v.Restore == nil || r.canonical())
}

// canonical says whether the stored bytes are what the object is today, which is looked at once.
func (r *Record) canonical() bool {
	if f := r.form.Load(); f != unlooked {
		return f == canonical
	}
	form := outdated
	if obj, err := r.Object(); err == nil {
		value, _, err := r.table.storage.Codec.EncodeStored(obj)
		if err == nil && bytes.Equal(value, r.Value) {
			form = canonical
		}
	}
	r.form.Store(form)
	return form == canonical
}

// Append appends what Bytes would return, for somebody who may well be the only one to ask, such as the writer of the
// record. What has to be made is kept only while there is plenty of room, and nothing newer: a reader may follow the writer.
func (r *Record) Append(dst []byte, v *resource.Version, e object.Encoding, s Shape) ([]byte, error) {
	if s == Full && r.served(v, e) {
		return object.AppendServed(dst, r.Value, &r.Head, r.Revision), nil
	}
	if b := r.find(v, e, s); b != nil {
		return append(dst, b...), nil
	}
	at := len(dst)
	dst, err := r.encode(dst, v, e, s)
	if err != nil {
		return dst, err
	}
	c := r.table.cache
	if made := dst[at:]; e == object.JSON && c.encoded.Load()+int64(len(made)) <= c.cfg.EncodingBytes/plenty && r.table.Get(r.Key) == r {
		r.mu.Lock()
		if r.find(v, e, s) == nil {
			r.keep(&encoding{version: v, how: e, shape: s, data: bytes.Clone(made), writers: true})
		}
		r.mu.Unlock()
	}
	return dst, nil
}

// plenty is the part of EncodingBytes that encodings nobody has asked for twice may fill.
const plenty = 4

func (r *Record) find(v *resource.Version, e object.Encoding, s Shape) []byte {
	for n := r.enc.Load(); n != nil; n = n.next {
		if n.version == v && n.how == e && n.shape == s {
			return n.data
		}
	}
	return nil
}

// encode appends the record to dst.
func (r *Record) encode(dst []byte, v *resource.Version, e object.Encoding, s Shape) ([]byte, error) {
	obj, err := r.In(v)
	if err != nil {
		return nil, err
	}
	switch s {
	case Full:
		return v.Codec.Append(dst, e, obj)
	default:
		gv := metav1.SchemeGroupVersion
		if s == MetadataV1beta1 {
			gv = kschema.GroupVersion{Group: gv.Group, Version: "v1beta1"}
		}
		return object.EncodeAny(dst, e, gv.WithKind("PartialObjectMetadata"), object.PartialMeta(obj))
	}
}

// release lets go of the kept encodings' share of the budget, when the record has left tree and log.
func (r *Record) release() {
	for n := r.enc.Load(); n != nil; n = n.next {
		if !n.free {
			r.table.cache.encoded.Add(-int64(len(n.data)))
		}
	}
}

// Field is the value of a selectable field; ok is false where the resource has no such field.
func (r *Record) Field(name string) (value string, ok bool) {
	switch name {
	case "metadata.name":
		return r.Key.Name, true
	case "metadata.namespace":
		return r.Key.Namespace, true
	}
	for i, f := range r.table.fields {
		if f == name && i < len(r.fields) {
			return r.fields[i], true
		}
	}
	return "", false
}

// setFields reads the selectable fields off obj, the record's object in the storage version.
func (r *Record) setFields(obj object.Object) {
	t := r.table
	if len(t.fields) == 0 {
		return
	}
	r.fields = make([]string, len(t.fields))
	for i, get := range t.getters {
		r.fields[i] = get(obj)
	}
}

// Record reads a record off its stored bytes.
func (t *Table) Record(rec store.Record) *Record {
	r := &Record{Key: rec.Key, Revision: rec.Revision, Value: rec.Value, table: t}
	r.foreign = object.StoredKind(rec.Value) != t.storage.Codec.Kind
	var err error
	if r.Head, err = t.storage.Codec.Head(rec.Value); err != nil {
		t.cache.cfg.Logger.Error("a stored object cannot be read", "key", rec.Key.String(), "err", err)
	}
	if len(t.fields) > 0 && !r.far(t.storage) { // see FieldIn
		if obj, err := r.Object(); err == nil {
			r.setFields(obj)
		}
	}
	return r
}
