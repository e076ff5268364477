// Package authentication describes the kinds of the group authentication.k8s.io: questions, answered and not stored.
//
// Concurrency: hooks keep no state.
package authentication

import (
	"context"

	v1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/resource"
)

// Resources lists the kinds.
func Resources(d resource.Deps) describe.Kinds {
	kind := func(plural, name string, v resource.Version) *resource.Resource {
		return describe.Kind{
			Plural: plural, Kind: name, Cluster: true, Verbs: resource.Create, Virtual: true, Versions: []resource.Version{v},
		}.Resource()
	}
	self := kind("selfsubjectreviews", "SelfSubjectReview", describe.Version[v1.SelfSubjectReview]("authentication.k8s.io", "v1"))
	self.Serve = reviewSelf
	token := kind("tokenreviews", "TokenReview", describe.Version[v1.TokenReview]("authentication.k8s.io", "v1"))
	token.Serve = func(ctx context.Context, c *resource.Change) (object.Object, error) {
		return reviewToken(ctx, c, d.Authenticator)
	}
	return describe.Kinds{self, token}
}

// reviewSelf says who asks.
func reviewSelf(_ context.Context, c *resource.Change) (object.Object, error) {
	if c.Req == nil || c.Req.User == nil {
		return nil, apierrors.NewBadRequest("no user present on request")
	}
	return &v1.SelfSubjectReview{
		ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(c.Now)},
		Status:     v1.SelfSubjectReviewStatus{UserInfo: userInfo(c.Req.User)},
	}, nil
}

const unknownToken = "invalid bearer token"

// reviewToken says whose a token is.
func reviewToken(ctx context.Context, c *resource.Change, a resource.TokenAuthenticator) (object.Object, error) {
	review := c.New.(*v1.TokenReview)
	if review.Spec.Token == "" {
		return nil, apierrors.NewBadRequest("token is required for TokenReview in authentication")
	}
	if a == nil {
		review.Status.Error = unknownToken
		return review, nil
	}
	user, audiences, ok, err := a.AuthenticateToken(ctx, review.Spec.Token, review.Spec.Audiences)
	review.Status.Authenticated = ok
	switch {
	case err != nil:
		review.Status.Error = err.Error()
	case !ok:
		review.Status.Error = unknownToken
	}
	if user != nil {
		review.Status.User = userInfo(user)
		review.Status.Audiences = audiences
	}
	return review, nil
}

func userInfo(u *request.User) v1.UserInfo {
	info := v1.UserInfo{Username: u.Name, UID: u.UID, Groups: u.Groups}
	if len(u.Extra) > 0 {
		info.Extra = make(map[string]v1.ExtraValue, len(u.Extra))
		for k, v := range u.Extra {
			info.Extra[k] = v
		}
	}
	return info
}
