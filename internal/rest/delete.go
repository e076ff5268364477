package rest

// delete removes the object, or begins to.
func (c *call) delete() {
	o, err := c.deleteOptions()
	if err != nil {
		c.fail(err)
		return
	}
	res, err := c.s.Engine.Delete(c.ctx, &c.req, c.t, o)
	if err != nil {
		c.fail(err)
		return
	}
	c.mark("stored")
	c.respond(res)
}

// deleteCollection removes what a list would show, and shows it.
func (c *call) deleteCollection() {
	lo, _, err := c.listOptions()
	if err != nil {
		c.fail(err)
		return
	}
	o, err := c.deleteOptions()
	if err != nil {
		c.fail(err)
		return
	}
	l, err := c.s.Engine.DeleteCollection(c.ctx, &c.req, c.t, o, lo)
	if err != nil {
		c.fail(err)
		return
	}
	c.mark("stored")
	c.respondList(l)
}
