// Package networking describes the kinds of the group networking.k8s.io.
//
// Concurrency: hooks keep no state.
package networking

import (
	networkingv1 "k8s.io/api/networking/v1"
	networkingv1beta1 "k8s.io/api/networking/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

const group = "networking.k8s.io"

// Resources lists the kinds.
func Resources(resource.Deps) describe.Kinds {
	spec := resource.Rules{Generation: describe.Spec}
	return describe.Kinds{
		describe.Kind{
			Plural: "ingressclasses", Kind: "IngressClass", Cluster: true, Versions: v1[networkingv1.IngressClass](), Rules: spec,
		}.Resource(),
		describe.Kind{
			Plural: "ingresses", Kind: "Ingress", Short: []string{"ing"}, Prefix: "ingress",
			Versions: v1[networkingv1.Ingress](), Status: true, Rules: spec,
		}.Resource(),
		describe.Kind{
			Plural: "ipaddresses", Kind: "IPAddress", Short: []string{"ip"}, Cluster: true,
			Versions: append(v1[networkingv1.IPAddress](), describe.Off(describe.Version[networkingv1beta1.IPAddress](group, "v1beta1"))),
			Rules:    resource.Rules{ValidateName: validateIP},
		}.Resource(),
		describe.Kind{
			Plural: "networkpolicies", Kind: "NetworkPolicy", Short: []string{"netpol"},
			Versions: v1[networkingv1.NetworkPolicy](), Rules: spec,
		}.Resource(),
		describe.Kind{
			Plural: "servicecidrs", Kind: "ServiceCIDR", Cluster: true, Status: true, StatusReset: describe.SpecAndMeta,
			Versions: append(v1[networkingv1.ServiceCIDR](), describe.Off(describe.Version[networkingv1beta1.ServiceCIDR](group, "v1beta1"))),
		}.Resource(),
	}
}

func v1[T any, P interface {
	*T
	object.Object
}]() []resource.Version {
	return []resource.Version{describe.Version[T, P](group, "v1")}
}

// validateIP wants a name that is an IP address in its canonical form.
func validateIP(name string, _ bool) (out []string) {
	for _, err := range validation.IsValidIP(&field.Path{}, name) {
		out = append(out, err.Detail)
	}
	return out
}
