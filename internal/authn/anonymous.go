package authn

import (
	"context"
	"net/http"

	"github.com/pintle-io/pintle/internal/request"
)

// Anonymous lets whoever shows no credential ask for health, and for nothing else: until there is access control,
// everyone else may do everything.
type Anonymous struct {
	user *request.User
}

// NewAnonymous returns an Anonymous.
func NewAnonymous() *Anonymous {
	return &Anonymous{user: &request.User{Name: request.Anonymous, Groups: []string{request.GroupUnauthenticated}}}
}

// Authenticate implements Authenticator.
func (a *Anonymous) Authenticate(_ context.Context, r *http.Request) (*request.User, bool, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nil, false, nil
	}
	switch r.URL.Path {
	case "/healthz", "/livez", "/readyz":
		return a.user, true, nil
	}
	return nil, false, nil
}
