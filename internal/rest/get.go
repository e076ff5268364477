package rest

import (
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// get answers with one object.
func (c *call) get() {
	var o metav1.GetOptions
	if q := c.query(); q != nil {
		if err := badExport(c.r, q["export"]); err != nil {
			c.fail(err)
			return
		}
		if err := metav1.Convert_url_Values_To_v1_GetOptions(&q, &o, nil); err != nil {
			c.fail(apierrors.NewBadRequest(err.Error()))
			return
		}
	}
	if c.virtual() {
		c.getVirtual()
		return
	}
	res, err := c.s.Engine.Get(c.ctx, &c.req, c.t, o.ResourceVersion)
	if err != nil {
		c.fail(err)
		return
	}
	c.respond(res)
}
