package rest

import (
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// virtual says whether the target is read from a hook: its objects are not stored (ComponentStatus).
func (c *call) virtual() bool { return !c.t.Resource.Stored() }

func (c *call) virtualObjects() ([]object.Object, error) {
	r := c.t.Resource
	if r.Objects == nil {
		return nil, nil
	}
	return r.Objects(c.ctx, &resource.Change{Req: &c.req, Op: resource.OpGet, Resource: r, Version: c.t.Version,
		Namespace: c.t.Namespace, Name: c.t.Name, Now: c.req.Now})
}

// getVirtual answers with one of the hook's objects.
func (c *call) getVirtual() {
	objs, err := c.virtualObjects()
	if err != nil {
		c.fail(err)
		return
	}
	for _, obj := range objs {
		if obj.GetName() == c.t.Name {
			c.respond(engine.Result{Object: obj, Kind: c.t.Kind()})
			return
		}
	}
	c.fail(apierrors.NewNotFound(c.t.GR(), c.t.Name))
}

// listVirtual answers with all of them, in one page of no revision. Their tables and metadata are not asked for by
// anyone who could not do without: they are answered as they are.
func (c *call) listVirtual() {
	o, _, err := c.listOptions()
	if err != nil {
		c.fail(err)
		return
	}
	objs, err := c.virtualObjects()
	if err != nil {
		c.fail(err)
		return
	}
	m := c.media
	enc := m.enc
	if enc == object.YAML {
		enc = object.JSON // YAML lists are made of JSON items
	}
	var items object.ItemSlice
	for _, obj := range objs {
		if o.Fields != nil && !o.Fields.Matches(nameOf{obj}) || o.Labels != nil && !o.Labels.Matches(labelsOf(obj)) {
			continue
		}
		b, err := c.t.Version.Codec.Append(nil, enc, obj)
		if err != nil {
			c.fail(err)
			return
		}
		items = append(items, object.AppendItem(nil, enc, c.t.Kind(), false, b))
	}
	w := c.stream(http.StatusOK, m.enc)
	err = object.WriteList(w, m.enc, object.List{Kind: c.t.Version.GV().WithKind(c.t.Resource.Names.ListKind)}, items)
	w.close(err)
	if err != nil {
		c.fail(err)
	}
}

// nameOf is what field selectors see of an object without fields of its own.
type nameOf struct{ object.Object }

func (n nameOf) Has(field string) bool { return field == "metadata.name" }
func (n nameOf) Get(field string) string {
	if field == "metadata.name" {
		return n.GetName()
	}
	return ""
}

func labelsOf(obj object.Object) object.Labels { return object.MakeLabels(obj.GetLabels()) }
