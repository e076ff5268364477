package certificates

import (
	"context"

	v1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/schema"
)

type paths = schema.Paths

func prepare(_ context.Context, c *resource.Change) error {
	csr := c.New.(*v1.CertificateSigningRequest)
	if c.Op == resource.OpCreate {
		sign(csr, c)
		return nil
	}
	if c.Sub == nil {
		return nil
	}
	old := c.Old.(*v1.CertificateSigningRequest)
	if c.Sub.Name == "status" {
		keepConditions(csr, old, v1.CertificateApproved)
		keepConditions(csr, old, v1.CertificateDenied)
	}
	stamp(csr, old, metav1.NewTime(c.Now))
	return nil
}

// sign writes who asks, whatever the client said.
func sign(csr *v1.CertificateSigningRequest, c *resource.Change) {
	csr.Spec.Username, csr.Spec.UID, csr.Spec.Groups, csr.Spec.Extra = "", "", nil, nil
	if c.Req == nil || c.Req.User == nil {
		return
	}
	u := c.Req.User
	csr.Spec.Username, csr.Spec.UID, csr.Spec.Groups = u.Name, u.UID, u.Groups
	if len(u.Extra) > 0 {
		csr.Spec.Extra = make(map[string]v1.ExtraValue, len(u.Extra))
		for k, v := range u.Extra {
			csr.Spec.Extra[k] = v
		}
	}
}

// keepConditions puts the old conditions of a type in the places of the new ones; when their number differs they
// stay, for validation to refuse.
func keepConditions(csr, old *v1.CertificateSigningRequest, kind v1.RequestConditionType) {
	to, from := indices(csr, kind), indices(old, kind)
	if len(to) != len(from) {
		return
	}
	for i := range to {
		csr.Status.Conditions[to[i]] = old.Status.Conditions[from[i]]
	}
}

func indices(csr *v1.CertificateSigningRequest, kind v1.RequestConditionType) (out []int) {
	for i := range csr.Status.Conditions {
		if csr.Status.Conditions[i].Type == kind {
			out = append(out, i)
		}
	}
	return out
}

// stamp fills in the times of conditions that have none: a condition whose status is as before keeps its time.
func stamp(csr, old *v1.CertificateSigningRequest, now metav1.Time) {
	for i := range csr.Status.Conditions {
		c := &csr.Status.Conditions[i]
		if c.LastUpdateTime.IsZero() {
			c.LastUpdateTime = now
		}
		if !c.LastTransitionTime.IsZero() {
			continue
		}
		c.LastTransitionTime = now
		for j := range old.Status.Conditions {
			o := &old.Status.Conditions[j]
			if o.Type == c.Type && o.Status == c.Status && !o.LastTransitionTime.IsZero() {
				c.LastTransitionTime = o.LastTransitionTime
				break
			}
		}
	}
}
