package apiextensions

import (
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"

	"github.com/pintle-io/pintle/internal/crd/definition"
)

// relaxed are the rules without those that the old definition breaks.
func relaxed(crd, old *v1beta1.CustomResourceDefinition) rules {
	r := strict
	r.wantSchema = definition.Root(old.Spec.Validation) != nil || !slices.ContainsFunc(old.Spec.Versions,
		func(v v1beta1.CustomResourceDefinitionVersion) bool { return definition.Root(v.Schema) == nil })
	for s := range definition.Schemas(&old.Spec) {
		r.wantStructural = r.wantStructural && definition.IsStructural(s)
		r.wantPruned = r.wantPruned && !unprunedDefaults(s)
		definition.Any(s, func(s *v1beta1.JSONSchemaProps) bool {
			r.wantTypes = r.wantTypes && (s.Type == "" || slices.Contains(openAPITypes, s.Type))
			r.wantAtomicSets = r.wantAtomicSets && atomicSet(s)
			r.wantListKeys = r.wantListKeys && len(listKeys(s, nil)) == 0
			return false
		})
	}
	if c := old.Spec.Conversion; c != nil {
		r.wantKnownReview = len(c.ConversionReviewVersions) == 0 || knowsReview(c.ConversionReviewVersions)
		if cc := c.WebhookClientConfig; cc != nil && len(cc.CABundle) > 0 {
			r.allowBadBundle = checkBundle(cc.CABundle) != nil
		}
	}
	r.allowBadBundle = r.allowBadBundle || !definition.ConditionTrue(old, v1beta1.Established)
	r.manyFields = manyFields(crd, old)
	return r
}

// manyFields names the versions that had too many field selectors before, and still have the same.
func manyFields(crd, old *v1beta1.CustomResourceDefinition) map[string]bool {
	out := map[string]bool{}
	same := func(version string, was, now []v1beta1.SelectableField) {
		if len(was) > maxSelectable && apiequality.Semantic.DeepEqual(was, now) {
			out[version] = true
		}
	}
	same("", old.Spec.SelectableFields, crd.Spec.SelectableFields)
	was := map[string][]v1beta1.SelectableField{}
	for i := range old.Spec.Versions {
		was[old.Spec.Versions[i].Name] = old.Spec.Versions[i].SelectableFields
	}
	for i := range crd.Spec.Versions {
		v := &crd.Spec.Versions[i]
		same(v.Name, was[v.Name], v.SelectableFields)
	}
	return out
}
