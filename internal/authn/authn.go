// Package authn says who asks: one file a mechanism, and Union, which tries them in order.
//
// Nouns: an Authenticator reads an identity off a request. It answers with a User and true; with false and no
// error when the request holds nothing for it; with an error when what the request holds is wrong. A credential that
// is there and wrong is never made good by being anonymous.
//
// Invariants: a User that comes from here is shared between requests and is never changed by anyone; it carries
// system:authenticated unless it is the anonymous user. Whoever writes the 401 says nothing of the error to the
// client: errors are for the log.
//
// Concurrency: everything here is safe for concurrent use once built.
package authn

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/pintle-io/pintle/internal/request"
)

// Authenticator reads an identity off a request. The context is that of the request.Request, which takes warnings for
// the client; the http.Request has none of it.
type Authenticator interface {
	Authenticate(context.Context, *http.Request) (*request.User, bool, error)
}

// Union tries authenticators in order; the first that knows the user decides. When none does, the errors of those
// that found a wrong credential are returned together.
type Union []Authenticator

// Authenticate implements Authenticator.
func (u Union) Authenticate(ctx context.Context, r *http.Request) (*request.User, bool, error) {
	var errs []error
	for _, a := range u {
		user, ok, err := a.Authenticate(ctx, r)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if ok {
			return user, true, nil
		}
	}
	return nil, false, errors.Join(errs...)
}

// Chain is what a server runs: the mechanisms by credential, and, only when no credential was wrong, the anonymous
// user.
type Chain struct {
	Credentials Union
	// Anonymous is asked last; nil refuses whoever shows no credential.
	Anonymous Authenticator
}

// Authenticate implements Authenticator.
func (c *Chain) Authenticate(ctx context.Context, r *http.Request) (*request.User, bool, error) {
	user, ok, err := c.Credentials.Authenticate(ctx, r)
	if ok || err != nil || c.Anonymous == nil {
		return user, ok, err
	}
	return c.Anonymous.Authenticate(ctx, r)
}

// authenticated returns u with system:authenticated among its groups: last, and not where u already says whether it
// is authenticated.
func authenticated(u *request.User) *request.User {
	if u.Name == request.Anonymous || slices.Contains(u.Groups, request.GroupAuthenticated) ||
		slices.Contains(u.Groups, request.GroupUnauthenticated) {
		return u
	}
	v := *u
	v.Groups = append(slices.Clone(u.Groups), request.GroupAuthenticated)
	return &v
}
