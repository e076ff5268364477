package rest

import (
	"encoding/json"
	"net/http"

	"k8s.io/apimachinery/pkg/version"

	"github.com/pintle-io/pintle/internal/object"
)

// versionJSON is what /version answers.
func versionJSON(v version.Info) []byte {
	b, _ := json.MarshalIndent(v, "", "  ") // a struct of strings
	return b
}

func (s *Server) serveVersion(c *call) {
	if c.r.Method != http.MethodGet {
		c.fail(methodNotAllowed())
		return
	}
	if header := c.r.Header.Get("Accept"); header != "" {
		if a := c.s.accepts.get(header); !a.any && !a.has[object.JSON] {
			c.fail(notAcceptedByRoute(mediaTypes[object.JSON]))
			return
		}
	}
	c.writeRaw(http.StatusOK, object.JSON, s.version)
}
