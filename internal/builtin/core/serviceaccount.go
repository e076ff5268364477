package core

import (
	"context"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

func ServiceAccount() *resource.Resource {
	r := describe.Kind{
		Plural: "serviceaccounts", ReturnDeleted: true, Kind: "ServiceAccount", Short: []string{"sa"}, Versions: v1[corev1.ServiceAccount](),
		Subs: []resource.Subresource{{
			Name: "token", Kind: schema.GroupVersionKind{Group: "authentication.k8s.io", Version: "v1", Kind: "TokenRequest"},
			Verbs: resource.Create, Body: func() object.Object { return &authenticationv1.TokenRequest{} },
		}},
	}.Resource()
	r.Prepare = prepareServiceAccount
	return r
}

// prepareServiceAccount keeps nothing but the names of the secrets.
func prepareServiceAccount(_ context.Context, c *resource.Change) error {
	secrets := c.New.(*corev1.ServiceAccount).Secrets
	for i := range secrets {
		secrets[i] = corev1.ObjectReference{Name: secrets[i].Name}
	}
	return nil
}
