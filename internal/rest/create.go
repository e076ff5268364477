package rest

// create stores the body as a new object.
func (c *call) create() {
	e, err := bodyEncoding(c.r.Header.Get("Content-Type"), c.t.Version.Codec.New == nil)
	if err != nil {
		c.fail(err)
		return
	}
	body, err := c.body("create")
	if err != nil {
		c.fail(err)
		return
	}
	o, err := c.createOptions()
	if err != nil {
		c.fail(err)
		return
	}
	obj, err := c.decode(e, body, o.FieldValidation)
	if err != nil {
		c.fail(err)
		return
	}
	res, err := c.s.Engine.Create(c.ctx, &c.req, c.t, obj, o)
	if err != nil {
		c.fail(err)
		return
	}
	res.Created = true
	c.mark("stored")
	c.respond(res)
}
