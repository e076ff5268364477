package rest

import (
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pintle-io/pintle/internal/object"
)

// update replaces the object by the body.
func (c *call) update() {
	body, err := c.body("update")
	if err != nil {
		c.fail(err)
		return
	}
	o, err := c.updateOptions()
	if err != nil {
		c.fail(err)
		return
	}
	e, err := bodyEncoding(c.r.Header.Get("Content-Type"), c.t.Version.Codec.New == nil)
	if err != nil {
		c.fail(err)
		return
	}
	obj, err := c.decode(e, body, o.FieldValidation)
	if err == nil {
		err = c.checkNamespace(obj)
	}
	if err == nil {
		err = checkName(obj, c.t.Name)
	}
	if err != nil {
		c.fail(err)
		return
	}
	res, err := c.s.Engine.Update(c.ctx, &c.req, c.t, obj, o)
	if err != nil {
		c.fail(err)
		return
	}
	c.mark("stored")
	c.respond(res)
}

// checkNamespace puts the object where the URL says, or refuses.
func (c *call) checkNamespace(obj object.Object) error {
	switch got := obj.GetNamespace(); {
	case got == c.t.Namespace:
	case got == "" || c.t.Namespace == "":
		obj.SetNamespace(c.t.Namespace)
	default:
		return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	return nil
}
