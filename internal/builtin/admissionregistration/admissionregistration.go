// Package admissionregistration describes the kinds of the group admissionregistration.k8s.io.
//
// Concurrency: hooks keep no state.
package admissionregistration

import (
	v1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/api/admissionregistration/v1alpha1"
	"k8s.io/api/admissionregistration/v1beta1"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/schema"
)

const group = "admissionregistration.k8s.io"

// Resources lists the kinds.
func Resources(resource.Deps) describe.Kinds {
	kind := func(plural, name string, counts schema.Paths, versions ...resource.Version) describe.Kind {
		return describe.Kind{
			Plural: plural, Kind: name, Cluster: true, Categories: []string{"api-extensions"}, Conditional: true, AnyFinalizer: true,
			Versions: versions, Rules: resource.Rules{Generation: counts},
		}
	}
	spec, webhooks := describe.Spec, schema.Paths{"webhooks": nil}
	policy := kind("validatingadmissionpolicies", "ValidatingAdmissionPolicy", spec, describe.Version[v1.ValidatingAdmissionPolicy](group, "v1"))
	policy.Status, policy.StatusReset = true, describe.SpecAndMeta
	return describe.Kinds{
		kind("mutatingadmissionpolicies", "MutatingAdmissionPolicy", spec,
			describe.Version[v1.MutatingAdmissionPolicy](group, "v1"),
			describe.Stored(describe.Off(describe.Version[v1beta1.MutatingAdmissionPolicy](group, "v1beta1"))),
			describe.Off(describe.Version[v1alpha1.MutatingAdmissionPolicy](group, "v1alpha1"))).Resource(),
		kind("mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", spec,
			describe.Version[v1.MutatingAdmissionPolicyBinding](group, "v1"),
			describe.Stored(describe.Off(describe.Version[v1beta1.MutatingAdmissionPolicyBinding](group, "v1beta1"))),
			describe.Off(describe.Version[v1alpha1.MutatingAdmissionPolicyBinding](group, "v1alpha1"))).Resource(),
		kind("mutatingwebhookconfigurations", "MutatingWebhookConfiguration", webhooks,
			describe.Version[v1.MutatingWebhookConfiguration](group, "v1")).Resource(),
		policy.Resource(),
		kind("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", spec,
			describe.Version[v1.ValidatingAdmissionPolicyBinding](group, "v1")).Resource(),
		kind("validatingwebhookconfigurations", "ValidatingWebhookConfiguration", webhooks,
			describe.Version[v1.ValidatingWebhookConfiguration](group, "v1")).Resource(),
	}
}
