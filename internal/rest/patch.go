package rest

import (
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/pintle-io/pintle/internal/engine"
)

// patchType is the media type of a patch, without parameters.
func patchType(contentType string) types.PatchType {
	t, _, _ := strings.Cut(contentType, ";")
	return types.PatchType(strings.TrimSpace(t))
}

// patchable says whether the body is a patch at all.
func patchable(contentType string) bool {
	switch patchType(contentType) {
	case types.JSONPatchType, types.MergePatchType, types.StrategicMergePatchType, types.ApplyYAMLPatchType, types.ApplyCBORPatchType:
		return true
	}
	return false
}

// patch changes the object as the body says.
func (c *call) patch() {
	t := patchType(c.r.Header.Get("Content-Type"))
	body, err := c.body("patch")
	if err != nil {
		c.fail(err)
		return
	}
	o, err := c.patchOptions(t)
	if err != nil {
		c.fail(err)
		return
	}
	res, err := c.s.Engine.Patch(c.ctx, &c.req, c.t, engine.Patch{Type: t, Data: body}, o)
	if err != nil {
		c.fail(err)
		return
	}
	c.mark("stored")
	c.respond(res)
}
