package rest

import (
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/resource"
)

// connect hands the connection to what a subresource connects to (proxy, exec, ...).
func (c *call) connect() {
	sub := c.t.Sub
	switch c.r.Method {
	case http.MethodGet, http.MethodPost:
	default:
		if sub.Name != "proxy" {
			c.fail(methodNotAllowed())
			return
		}
	}
	if len(c.query()["dryRun"]) > 0 {
		c.fail(apierrors.NewBadRequest("dryRun is not supported"))
		return
	}
	if sub.Connect == nil {
		c.unavailable()
		return
	}
	change := &resource.Change{Req: &c.req, Op: resource.OpConnect, Resource: c.t.Resource, Version: c.t.Version, Sub: sub,
		Namespace: c.t.Namespace, Name: c.t.Name, Now: c.req.Now}
	h, err := sub.Connect(c.ctx, change)
	if err != nil {
		c.fail(err)
		return
	}
	defer c.s.Metrics.LongRunning(c.labels())()
	h.ServeHTTP(&c.w, c.r.WithContext(c.ctx))
}

// unavailable is the answer of subresources that need what this server does not have yet: a way to kubelets, tokens,
// evictions. An object that does not exist is not found all the same.
func (c *call) unavailable() {
	parent := engine.Target{Resource: c.t.Resource, Version: c.t.Version, Namespace: c.t.Namespace, Name: c.t.Name}
	if _, err := c.s.Engine.Get(c.ctx, &c.req, parent, ""); err != nil {
		c.fail(err)
		return
	}
	c.fail(apierrors.NewServiceUnavailable(fmt.Sprintf("%s/%s is not available on this server", c.t.Resource.Names.Plural, c.t.Sub.Name)))
}
