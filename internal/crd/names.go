package crd

import (
	"errors"
	"fmt"
	"slices"

	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
)

// taken are the names that the definitions of a group have: plurals, singulars and short names are of one kind,
// kinds and list kinds of another.
type taken struct{ resources, kinds map[string]bool }

func (t *taken) add(n *v1.CustomResourceDefinitionNames) {
	t.resources[n.Plural], t.resources[n.Singular] = true, true
	for _, s := range n.ShortNames {
		t.resources[s] = true
	}
	t.kinds[n.Kind], t.kinds[n.ListKind] = true, true
}

// sameNames says whether a definition has the names that it wants.
func sameNames(a, b *v1.CustomResourceDefinitionNames) bool {
	return apiequality.Semantic.DeepEqual(a, b)
}

// acceptNames decides which of the wanted names a definition that has some already gets, in a group where some are taken.
// The condition tells of one conflict: the last that was found.
func acceptNames(wants, has v1.CustomResourceDefinitionNames, t taken) (v1.CustomResourceDefinitionNames, v1beta1.CustomResourceDefinitionCondition) {
	gets := has
	c := v1beta1.CustomResourceDefinitionCondition{Type: v1beta1.NamesAccepted, Status: v1beta1.ConditionTrue, Reason: "NoConflicts", Message: "no conflicts found"}
	conflict := func(reason string, err error) {
		c.Status, c.Reason, c.Message = v1beta1.ConditionFalse, reason, err.Error()
	}
	one := func(reason, want, own string, used map[string]bool, get *string) {
		if want != own && used[want] {
			conflict(reason, inUse(want))
			return
		}
		*get = want
	}
	one("PluralConflict", wants.Plural, has.Plural, t.resources, &gets.Plural)
	one("SingularConflict", wants.Singular, has.Singular, t.resources, &gets.Singular)
	var errs []error
	for _, s := range wants.ShortNames {
		if !slices.Contains(has.ShortNames, s) && s != "" && t.resources[s] {
			errs = append(errs, inUse(s))
		}
	}
	if err := utilerrors.NewAggregate(errs); err != nil {
		conflict("ShortNamesConflict", err)
	} else {
		gets.ShortNames = wants.ShortNames
	}
	one("KindConflict", wants.Kind, has.Kind, t.kinds, &gets.Kind)
	one("ListKindConflict", wants.ListKind, has.ListKind, t.kinds, &gets.ListKind)
	gets.Categories = wants.Categories
	return gets, c
}

func inUse(name string) error { return errors.New(fmt.Sprintf("%q", name) + " is already in use") }
