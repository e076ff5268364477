package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/yaml"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// The columns of kinds that have none of their own.
var (
	nameColumn = metav1.TableColumnDefinition{Name: "Name", Type: "string", Format: "name",
		Description: metav1.ObjectMeta{}.SwaggerDoc()["name"]}
	ageColumn = metav1.TableColumnDefinition{Name: "Age", Type: "string",
		Description: metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"]}
	createdColumn = metav1.TableColumnDefinition{Name: "Created At", Type: "date", Description: ageColumn.Description}
)

const unknownAge = "<unknown>"

// table writes Tables, in JSON: rows come straight from the records' bytes, and only kinds with columns of their own
// are decoded.
type table struct {
	c       *call
	include metav1.IncludeObjectPolicy
	now     time.Time
	columns []resource.Column
	plain   bool // Name and Age, or Created At: nothing is decoded
	dated   bool // Created At
	buf     []byte
}

func (c *call) newTable() (*table, error) {
	t := &table{c: c, now: c.s.Now(), columns: c.t.Version.Columns}
	if sub := c.t.Sub; sub != nil && !sub.Parent {
		t.columns = sub.Columns
	}
	t.plain = !slices.ContainsFunc(t.columns, func(c resource.Column) bool { return c.Cell != nil })
	t.dated = c.t.Resource.NoColumns
	if q := c.query(); q != nil {
		var o metav1.TableOptions
		if err := metav1.Convert_url_Values_To_v1_TableOptions(&q, &o, nil); err != nil {
			return nil, err
		}
		switch errs := validation.ValidateTableOptions(&o); len(errs) {
		case 0:
		case 1:
			return nil, apierrors.NewBadRequest(fmt.Sprintf("Unable to convert to Table as requested: %v", errs[0].Error()))
		default:
			return nil, apierrors.NewBadRequest(fmt.Sprintf("Unable to convert to Table as requested: %v", errs))
		}
		t.include = o.IncludeObject
	}
	return t, nil
}

// respondTable answers with a table of one row.
func (c *call) respondTable(code int, res engine.Result) {
	t, err := c.newTable()
	if err != nil {
		c.fail(err)
		return
	}
	b, err := t.one(nil, res, true)
	if err != nil {
		c.fail(err)
		return
	}
	if c.media.enc == object.YAML {
		if b, err = yaml.JSONToYAML(b); err != nil {
			c.fail(err)
			return
		}
	}
	c.write(code, c.media, b)
}

// one appends a whole table with the one row of a result.
func (t *table) one(dst []byte, res engine.Result, columns bool) ([]byte, error) {
	rv := ""
	obj, ok := res.Object.(object.Object)
	switch {
	case res.Record != nil:
		rv = strconv.FormatInt(res.Record.Revision, 10)
	case ok:
		rv = obj.GetResourceVersion()
	default:
		return dst, fmt.Errorf("%T has no metadata", res.Object)
	}
	dst, err := t.begin(dst, metav1.ListMeta{ResourceVersion: rv}, columns)
	if err != nil {
		return dst, err
	}
	if res.Record != nil {
		dst, err = t.row(dst, res.Record)
	} else {
		dst, err = t.objectRow(dst, obj, res.Kind)
	}
	return append(dst, "]}"...), err
}

// respondTableList streams the table of a list.
func (c *call) respondTableList(l *engine.List) {
	t, err := c.newTable()
	if err != nil {
		c.fail(err)
		return
	}
	m := c.media
	p := scratch.Get().(*[]byte)
	b, err := t.begin((*p)[:0], metav1.ListMeta{ResourceVersion: strconv.FormatInt(l.Revision, 10), Continue: l.Continue,
		RemainingItemCount: l.Remaining}, true)
	defer func() { release(p, b) }()
	if err != nil {
		c.fail(err)
		return
	}
	w := c.stream(http.StatusOK, m.enc)
	piecemeal := m.enc == object.JSON && !m.pretty
	for i, r := range l.Records {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = t.row(b, r); err != nil {
			c.fail(err)
			return
		}
		if piecemeal && len(b) >= 32<<10 {
			if _, err = w.Write(b); err != nil {
				w.close(err)
				return
			}
			b = b[:0]
		}
	}
	if t.dated && len(l.Records) == 0 {
		b = append(bytes.TrimSuffix(b, []byte{'['}), "null}"...) // as the reference has it
	} else {
		b = append(b, "]}"...)
	}
	switch {
	case m.enc == object.YAML:
		if b, err = yaml.JSONToYAML(b); err != nil {
			c.fail(err)
			return
		}
	case m.pretty:
		var out bytes.Buffer
		_ = json.Indent(&out, b, "", "  ")
		b = out.Bytes()
	default:
		b = append(b, object.Newline...)
	}
	_, err = w.Write(b)
	w.close(err)
}

// begin appends a table up to its rows.
func (t *table) begin(dst []byte, meta metav1.ListMeta, columns bool) ([]byte, error) {
	dst = append(dst, `{"kind":"Table","apiVersion":"`...)
	dst = append(dst, t.c.media.metaKind("").GroupVersion().String()...)
	dst = append(dst, `","metadata":`...)
	dst, err := appendJSON(dst, meta)
	if err != nil {
		return dst, err
	}
	dst = append(dst, `,"columnDefinitions":`...)
	if !columns {
		return append(dst, `null,"rows":[`...), nil
	}
	defs := []metav1.TableColumnDefinition{nameColumn, ageColumn}
	switch {
	case t.dated:
		defs[1] = createdColumn
	case len(t.columns) > 0:
		defs = defs[:0:0]
		for _, col := range t.columns {
			defs = append(defs, metav1.TableColumnDefinition{Name: col.Name, Type: col.Type, Format: col.Format,
				Description: col.Description, Priority: col.Priority})
		}
	}
	if dst, err = appendJSON(dst, defs); err != nil {
		return dst, err
	}
	return append(dst, `,"rows":[`...), nil
}

func appendJSON(dst []byte, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	return append(dst, b...), err
}

// row appends the row of a record.
func (t *table) row(dst []byte, r *cache.Record) ([]byte, error) {
	meta := media{as: asPartial, v1beta1: t.c.media.v1beta1}
	metadata, err := recordBytes(&t.buf, r, t.c.t.Version, meta)
	if err != nil {
		return dst, err
	}
	if t.plain {
		dst = append(append(append(dst, `{"cells":["`...), r.Key.Name...), `","`...) // a name needs no escaping
		dst = append(append(dst, escapeAge(t.age(created(metadata)))...), `"],"object":`...)
	} else {
		var obj object.Object
		if obj, err = r.In(t.c.t.Version); err != nil {
			return dst, err
		}
		dst, err = t.cells(dst, t.values(obj))
	}
	if err != nil {
		return dst, err
	}
	switch t.include {
	case metav1.IncludeNone:
		return append(dst, "null}"...), nil
	case metav1.IncludeObject:
		if metadata, err = recordBytes(&t.buf, r, t.c.t.Version, media{}); err != nil {
			return dst, err
		}
	}
	return append(append(dst, metadata...), '}'), nil
}

// objectRow appends the row of an object that is not stored.
func (t *table) objectRow(dst []byte, obj object.Object, kind schema.GroupVersionKind) ([]byte, error) {
	values := []any{obj.GetName(), t.age(obj.GetCreationTimestamp().Time)}
	if !t.plain {
		values = t.values(obj)
	}
	dst, err := t.cells(dst, values)
	if err != nil {
		return dst, err
	}
	switch t.include {
	case metav1.IncludeNone:
		dst = append(dst, "null"...)
	case metav1.IncludeObject:
		if kind.Empty() {
			kind = t.c.t.Kind()
		}
		dst, err = object.EncodeAny(dst, object.JSON, kind, obj)
	default:
		dst, err = object.EncodeAny(dst, object.JSON, t.c.media.metaKind("PartialObjectMetadata"), object.PartialMeta(obj))
	}
	return append(dst, '}'), err
}

func (t *table) values(obj object.Object) []any {
	values := make([]any, len(t.columns))
	for i, col := range t.columns {
		values[i] = col.Cell(obj, t.now)
	}
	return values
}

// cells appends a row up to its object.
func (t *table) cells(dst []byte, values []any) ([]byte, error) {
	dst = append(dst, `{"cells":`...)
	dst, err := appendJSON(dst, values)
	return append(dst, `,"object":`...), err
}

// age is how long something is there, or, in tables with Created At, since when.
func (t *table) age(since time.Time) string {
	if t.dated {
		return since.UTC().Format(time.RFC3339)
	}
	if since.IsZero() {
		return unknownAge
	}
	return duration.HumanDuration(t.now.Sub(since))
}

// escapeAge is an age as encoding/json writes it.
func escapeAge(age string) string {
	if age == unknownAge {
		return `\u003cunknown\u003e`
	}
	return age
}

// created reads the creation time off an object's metadata in JSON: nothing that stands before it there can hold a
// quotation mark.
func created(metadata []byte) time.Time {
	const field = `"creationTimestamp":"`
	i := bytes.Index(metadata, []byte(field))
	if i < 0 {
		return time.Time{}
	}
	value, _, _ := bytes.Cut(metadata[i+len(field):], []byte{'"'})
	at, _ := time.Parse(time.RFC3339, string(value))
	return at
}
