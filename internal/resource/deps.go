package resource

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/schema"
)

// Deps is all of the world that the hooks of built-in kinds may reach. Every field may be left out; what a nil
// one means is said at each.
type Deps struct {
	// Schemas opens the schemas of the built-in kinds. Nil: Version.Schema is nil.
	Schemas Schemas
	// Features says whether a feature gate is on. Nil: those that are off by default are off.
	Features func(name string) bool
	// EventTTL is how long an Event is kept. 0: an hour.
	EventTTL time.Duration
	// NewUID makes the name of a LimitRange that came without one. Nil: it stays without.
	NewUID func() string
	// Authenticator answers TokenReviews. Nil: no token is known.
	Authenticator TokenAuthenticator
	// Components tells the health of what else runs in the cluster, for ComponentStatus. Nil: nothing is known.
	Components func(context.Context) []corev1.ComponentStatus
}

// Schemas finds the schema of a built-in kind.
type Schemas interface {
	Kind(group, version, kind string) *schema.Schema
}

// TokenAuthenticator says whose a bearer token is. ok is false for a token that nobody has; the audiences are
// those of the asked ones that the token is good for.
type TokenAuthenticator interface {
	AuthenticateToken(ctx context.Context, token string, audiences []string) (user *request.User, good []string, ok bool, err error)
}
