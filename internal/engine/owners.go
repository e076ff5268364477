package engine

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/request"
)

// dedupOwners drops owner references that stand there twice, and says so.
func dedupOwners(req *request.Request, obj object.Object, afterAdmission bool) {
	refs := obj.GetOwnerReferences()
	if len(refs) < 2 {
		return
	}
	var twice []string
	keep := refs[:0:0]
	for i := range refs {
		if slices.ContainsFunc(keep, func(r metav1.OwnerReference) bool { return equalOwners(&r, &refs[i]) }) {
			twice = append(twice, string(refs[i].UID))
			continue
		}
		keep = append(keep, refs[i])
	}
	if len(twice) == 0 {
		return
	}
	obj.SetOwnerReferences(keep)
	when := ""
	if afterAdmission {
		when = " after mutating admission happens"
	}
	req.Warn(".metadata.ownerReferences contains duplicate entries" + when + "; API server dedups owner references in 1.20+, and may reject " +
		"such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: " + strings.Join(twice, ", "))
}

func equalOwners(a, b *metav1.OwnerReference) bool {
	same := func(x, y *bool) bool { return x == y || x != nil && y != nil && *x == *y }
	return a.UID == b.UID && a.APIVersion == b.APIVersion && a.Kind == b.Kind && a.Name == b.Name &&
		same(a.Controller, b.Controller) && same(a.BlockOwnerDeletion, b.BlockOwnerDeletion)
}
