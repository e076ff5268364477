package cache

import (
	"context"
	"errors"
	"strconv"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// This file is about records that others convert (resource.Version.Remote): a webhook's answer takes a thousand times as
// long as decoding. So many go in one call, and what comes back is kept as JSON, within the bound of encodings or not:
// the next reader would have to wait for the same answer.

// What goes in one call.
const (
	convertAtMost      = 1000    // objects
	convertBytesAtMost = 4 << 20 // of what is stored
)

// far says whether the record in v may be up to somebody else.
func (r *Record) far(v *resource.Version) bool {
	return v.Remote && (r.foreign || v != r.table.storage)
}

// Convert makes sure that the records can be shown in v without asking anybody. It does nothing for versions that this
// process converts itself. The error is the conversion's own.
func Convert(ctx context.Context, records []*Record, v *resource.Version) error {
	if !v.Remote {
		return nil
	}
	b := batch{to: v}
	for _, r := range records {
		if !r.far(v) || r.find(v, object.JSON, Full) != nil {
			continue
		}
		if err := b.add(ctx, r); err != nil {
			return err
		}
	}
	return b.flush(ctx)
}

// batch is records on their way.
type batch struct {
	to      *resource.Version
	convert func(context.Context, []object.Object, string) ([]object.Object, error)
	records []*Record
	objs    []object.Object
	bytes   int
}

func (b *batch) add(ctx context.Context, r *Record) error {
	from, err := r.version()
	if err != nil || from == b.to {
		return err
	}
	obj, err := r.stored(from)
	if err != nil {
		return err
	}
	if len(b.objs) == convertAtMost || len(b.objs) > 0 && b.bytes+len(r.Value) > convertBytesAtMost {
		if err := b.flush(ctx); err != nil {
			return err
		}
	}
	b.convert = from.Convert
	b.records, b.objs, b.bytes = append(b.records, r), append(b.objs, obj), b.bytes+len(r.Value)
	return nil
}

func (b *batch) flush(ctx context.Context) error {
	if len(b.objs) == 0 {
		return nil
	}
	out, err := b.convert(ctx, b.objs, b.to.APIVersion())
	if err != nil {
		return err
	}
	if len(out) != len(b.records) {
		return errors.New("a conversion has lost objects")
	}
	for i, r := range b.records {
		if prune := b.to.Prune; prune != nil {
			if _, err := prune(out[i], false); err != nil {
				return err
			}
		}
		data, err := b.to.Codec.Append(make([]byte, 0, 2*len(r.Value)+256), object.JSON, out[i])
		if err != nil {
			return err
		}
		r.keepConverted(b.to, data)
	}
	b.records, b.objs, b.bytes = b.records[:0], b.objs[:0], 0
	return nil
}

func (r *Record) keepConverted(v *resource.Version, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.find(v, object.JSON, Full) != nil {
		return // somebody was faster
	}
	n := &encoding{version: v, how: object.JSON, data: data, free: r.table.ended.Load(), next: r.enc.Load()}
	if !n.free {
		r.table.cache.encoded.Add(int64(len(data)))
	}
	r.enc.Store(n)
}

// converted decodes the record as it was, or now is, converted.
func (r *Record) converted(ctx context.Context, v *resource.Version) (object.Object, error) {
	if err := Convert(ctx, []*Record{r}, v); err != nil {
		return nil, err
	}
	b := r.find(v, object.JSON, Full)
	if b == nil {
		return r.stored(v) // it was of this version all along
	}
	obj, _, err := v.Codec.Decode(object.JSON, b, false)
	return obj, err
}

// inherit takes over what was converted of the same object at an earlier revision.
func (r *Record) inherit(from *Record) {
	for n := from.enc.Load(); n != nil; n = n.next {
		if !n.version.Remote || n.how != object.JSON || n.shape != Full {
			continue
		}
		obj, _, err := n.version.Codec.Decode(object.JSON, n.data, false)
		if err != nil {
			continue
		}
		obj.SetResourceVersion(strconv.FormatInt(r.Revision, 10))
		if data, err := n.version.Codec.Append(nil, object.JSON, obj); err == nil {
			r.keepConverted(n.version, data)
		}
	}
}

// FieldIn is the value of a selectable field as objects of the version v have it. The fields of other versions than the
// stored one are usually the same; those of a version that others convert are looked up in what they have made.
func (r *Record) FieldIn(v *resource.Version, name string) (value string, ok bool) {
	get := v.Fields[name]
	if get == nil || !r.far(v) {
		return r.Field(name)
	}
	obj, err := r.In(v)
	if err != nil {
		return "", false
	}
	return get(obj), true
}

// LabelsIn is the labels of the object in the version v: whoever converts may change them.
func (r *Record) LabelsIn(v *resource.Version) (l labels.Labels, ok bool) {
	if !r.far(v) {
		return r.Head.Labels, true
	}
	obj, err := r.In(v)
	if err != nil {
		return nil, false
	}
	return labels.Set(obj.GetLabels()), true
}
