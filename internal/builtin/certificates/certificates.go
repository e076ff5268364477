// Package certificates describes the kinds of the group certificates.k8s.io.
//
// Concurrency: hooks keep no state.
package certificates

import (
	"context"
	"fmt"
	"strings"

	v1 "k8s.io/api/certificates/v1"
	"k8s.io/api/certificates/v1alpha1"
	"k8s.io/api/certificates/v1beta1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

const group = "certificates.k8s.io"

// Resources lists the kinds.
func Resources(d resource.Deps) describe.Kinds {
	return describe.Kinds{SigningRequest()}.
		With(d, "ClusterTrustBundle", TrustBundle()).
		With(d, "PodCertificateRequest", PodRequest())
}

func TrustBundle() *resource.Resource {
	r := describe.Kind{
		Plural: "clustertrustbundles", Kind: "ClusterTrustBundle", Cluster: true, Conditional: true,
		Versions: []resource.Version{
			describe.Off(describe.Version[v1beta1.ClusterTrustBundle](group, "v1beta1")),
			describe.Off(describe.Version[v1alpha1.ClusterTrustBundle](group, "v1alpha1")),
		},
		Rules:      resource.Rules{ValidateName: anyName},
		FieldError: describe.Unsupported,
		Fields: map[string]func(object.Object) string{
			"spec.signerName": describe.Field(func(b *v1beta1.ClusterTrustBundle) string { return b.Spec.SignerName }),
		},
	}.Resource()
	// The name depends on the signer.
	r.Validate = func(_ context.Context, c *resource.Change) field.ErrorList {
		b := c.New.(*v1beta1.ClusterTrustBundle)
		var errs field.ErrorList
		for _, msg := range bundleName(b.Name, b.Spec.SignerName) {
			errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), b.Name, msg))
		}
		return errs
	}
	return r
}

func bundleName(name, signer string) []string {
	if signer == "" {
		if strings.Contains(name, ":") {
			return []string{`ClusterTrustBundle without signer name must not have ":" in its name`}
		}
		return validation.NameIsDNSSubdomain(name, false)
	}
	prefix := strings.ReplaceAll(signer, "/", ":") + ":"
	if !strings.HasPrefix(name, prefix) {
		return []string{fmt.Sprintf("ClusterTrustBundle for signerName %s must be named with prefix %s", signer, prefix)}
	}
	return validation.NameIsDNSSubdomain(strings.TrimPrefix(name, prefix), false)
}

// anyName leaves a name to the rule that all names share: it must fit into a path.
func anyName(string, bool) []string { return nil }

func PodRequest() *resource.Resource {
	return describe.Kind{
		Plural: "podcertificaterequests", Kind: "PodCertificateRequest", Conditional: true,
		Versions: []resource.Version{describe.Off(describe.Version[v1beta1.PodCertificateRequest](group, "v1beta1"))},
		Status:   true, StatusReset: describe.SpecAndMeta,
		FieldError: describe.Unsupported,
		Fields: map[string]func(object.Object) string{
			"spec.signerName": describe.Field(func(r *v1beta1.PodCertificateRequest) string { return r.Spec.SignerName }),
			"spec.podName":    describe.Field(func(r *v1beta1.PodCertificateRequest) string { return r.Spec.PodName }),
			"spec.nodeName":   describe.Field(func(r *v1beta1.PodCertificateRequest) string { return string(r.Spec.NodeName) }),
		},
	}.Resource()
}

// SigningRequest is asked for by one, approved by another and signed by a third: each writes its own part.
func SigningRequest() *resource.Resource {
	r := describe.Kind{
		Plural: "certificatesigningrequests", Kind: "CertificateSigningRequest", Short: []string{"csr"}, Cluster: true,
		Versions: []resource.Version{describe.Version[v1.CertificateSigningRequest](group, "v1")},
		Rules: resource.Rules{
			ValidateName: anyName, CreateReset: describe.Status,
			Reset: paths{"spec": nil, "status": nil},
		},
		Subs: []resource.Subresource{
			{Name: "approval", Verbs: describe.Write, Parent: true, Reset: paths{"spec": nil, "status": {"certificate": nil}}},
			// The conditions of the approval are kept by prepare; others may be written, but not owned.
			{
				Name: "status", Verbs: describe.Write, Parent: true, Reset: describe.Spec,
				Untracked: paths{"spec": nil, "status": {"conditions": nil}},
			},
		},
		FieldError: describe.Unsupported,
		Fields: map[string]func(object.Object) string{
			"spec.signerName": describe.Field(func(r *v1.CertificateSigningRequest) string { return r.Spec.SignerName }),
		},
	}.Resource()
	r.Prepare = prepare
	return r
}
