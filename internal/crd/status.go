package crd

import (
	"crypto/x509"
	"encoding/pem"
	"time"

	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"

	"github.com/pintle-io/pintle/internal/crd/definition"
)

// unsettled says whether settle may have something to say. It reads the little that is known without the schemas.
func (d *document) unsettled() bool {
	return !sameNames(&d.Spec.Names, &d.Status.AcceptedNames) || !d.is(v1.Established) || definition.Protected(d.Spec.Group) ||
		d.preserves() || d.condition(v1.NonStructuralSchema) != nil
}

// settle brings the names and conditions of a definition up to date and says whether anything has changed. What is
// established once stays so, even when it comes to want names that others have.
func settle(crd *v1beta1.CustomResourceDefinition, t taken, now time.Time) (changed bool) {
	say := func(c v1beta1.CustomResourceDefinitionCondition) {
		if was := find(crd, c.Type); was == nil || was.Status != c.Status || was.Reason != c.Reason || was.Message != c.Message {
			definition.SetCondition(crd, c, now)
			changed = true
		}
	}
	wants, has := v1.CustomResourceDefinitionNames(crd.Spec.Names), v1.CustomResourceDefinitionNames(crd.Status.AcceptedNames)
	if !sameNames(&wants, &has) {
		gets, c := acceptNames(wants, has, t)
		if !sameNames(&gets, &has) {
			crd.Status.AcceptedNames, changed = v1beta1.CustomResourceDefinitionNames(gets), true
		}
		say(c)
	}
	if accepted := find(crd, v1beta1.NamesAccepted); accepted != nil && !definition.ConditionTrue(crd, v1beta1.Established) {
		c := v1beta1.CustomResourceDefinitionCondition{Type: v1beta1.Established, Status: v1beta1.ConditionFalse}
		switch {
		case accepted.Status != v1beta1.ConditionTrue:
			c.Reason, c.Message = "NotAccepted", "not all names are accepted"
		case !goodBundle(crd):
			c.Reason, c.Message = "InvalidCABundle", "The conversion webhook CABundle is invalid"
		default:
			c.Status, c.Reason, c.Message = v1beta1.ConditionTrue, "InitialNamesAccepted", "the initial names have been accepted"
		}
		say(c)
	}
	if c := definition.ApprovalCondition(crd); c != nil {
		say(*c)
	}
	if c := definition.NonStructuralCondition(crd); c != nil {
		say(*c)
	} else if find(crd, v1beta1.NonStructuralSchema) != nil {
		definition.RemoveCondition(crd, v1beta1.NonStructuralSchema)
		changed = true
	}
	return changed
}

func find(crd *v1beta1.CustomResourceDefinition, t v1beta1.CustomResourceDefinitionConditionType) *v1beta1.CustomResourceDefinitionCondition {
	for i := range crd.Status.Conditions {
		if crd.Status.Conditions[i].Type == t {
			return &crd.Status.Conditions[i]
		}
	}
	return nil
}

// goodBundle says whether a conversion webhook's authorities, if it names any, are certificates.
func goodBundle(crd *v1beta1.CustomResourceDefinition) bool {
	c := crd.Spec.Conversion
	if c == nil || c.WebhookClientConfig == nil || len(c.WebhookClientConfig.CABundle) == 0 {
		return true
	}
	found := false
	for rest := c.WebhookClientConfig.CABundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return found
		}
		if block.Type != "CERTIFICATE" || len(block.Headers) > 0 {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return false
		}
		found = true
	}
}
