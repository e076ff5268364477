package engine

import (
	"context"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/api/validation/path"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/resource"
)

// validate is the rules of metadata and the kind's own. On an update the reference looks at metadata twice, once for
// every kind and once in the kind's own rules, and tells each finding as often; where there is nothing to find,
// which is nearly always, one look is enough. kind is what the refusal says the object is.
func validate(ctx context.Context, c *resource.Change, kind schema.GroupKind) error {
	m := metaRules{c, field.NewPath("metadata"), c.Resource.Scope == resource.Namespaced}
	// Validate says that a custom object is of a wrong kind; then its kind's own rules of metadata are not looked at.
	wrong := c.Version.Codec.New == nil && c.New.GetObjectKind().GroupVersionKind() != c.Version.Codec.Kind
	var errs field.ErrorList
	switch {
	case c.Op == resource.OpCreate && wrong:
	case c.Op == resource.OpCreate:
		errs = m.kind()
		c.Found = errs
	default:
		errs = m.common()
		if len(errs) == 0 && m.same() && len(m.finalizers()) == 0 {
			break
		}
		found := validation.ValidateObjectMetaAccessorUpdate(c.New, c.Old, m.at)
		errs = append(errs, found...)
		if wrong {
			break
		}
		c.Found = found
		errs = append(errs, m.update()...)
		if !m.Resource.Rules.UpdateTrustsMeta {
			errs = append(errs, m.kind()...)
		}
	}
	if c.Resource.Validate != nil {
		errs = append(errs, c.Resource.Validate(ctx, c)...)
		if err := ctx.Err(); err != nil {
			return err // and maybe not all was looked at
		}
	}
	if len(errs) == 0 && c.Op == resource.OpCreate {
		for _, text := range path.ValidatePathSegmentName(c.New.GetName(), false) {
			errs = append(errs, field.Invalid(m.at.Child("name"), c.New.GetName(), text))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return invalid(kind, c.New.GetName(), errs)
}

// invalid is apierrors.NewInvalid, which copies all that is said already for each finding more.
func invalid(kind schema.GroupKind, name string, errs field.ErrorList) *apierrors.StatusError {
	if len(errs) < 100 {
		return apierrors.NewInvalid(kind, name, errs)
	}
	out := apierrors.NewInvalid(kind, name, nil)
	causes := make([]metav1.StatusCause, len(errs))
	said := make(map[string]bool, len(errs))
	var all strings.Builder
	for i, e := range errs {
		body := e.ErrorBody()
		causes[i] = metav1.StatusCause{Type: metav1.CauseType(e.Type), Message: body, Field: e.Field}
		text := e.Field + ": " + body // as its Error
		if said[text] {
			continue
		}
		if said[text] = true; len(said) > 1 {
			all.WriteString(", ")
		}
		all.WriteString(text)
	}
	out.ErrStatus.Details.Causes = causes
	if text := all.String(); len(said) == 1 {
		out.ErrStatus.Message += ": " + text
	} else {
		out.ErrStatus.Message += ": [" + text + "]"
	}
	return out
}

// same says whether an update leaves alone what the rules of updates are about. An object that is being deleted is
// for the rules to look at.
func (m metaRules) same() bool {
	a, b := m.New, m.Old
	created, was := a.GetCreationTimestamp(), b.GetCreationTimestamp()
	return a.GetName() == b.GetName() && a.GetNamespace() == b.GetNamespace() && a.GetUID() == b.GetUID() && created.Equal(&was) &&
		a.GetResourceVersion() != "" && a.GetGeneration() >= b.GetGeneration() &&
		a.GetDeletionTimestamp() == nil && b.GetDeletionTimestamp() == nil &&
		a.GetDeletionGracePeriodSeconds() == nil && b.GetDeletionGracePeriodSeconds() == nil
}

type metaRules struct {
	*resource.Change
	at         *field.Path
	namespaced bool
}

// common is what holds for every object.
func (m metaRules) common() field.ErrorList {
	return validation.ValidateObjectMetaAccessor(plainly{m.New}, m.namespaced, path.ValidatePathSegmentName, m.at)
}

// kind is what the kind asks of metadata: its names, and which finalizers may go without a domain.
func (m metaRules) kind() field.ErrorList {
	name := m.Resource.Rules.ValidateName
	if name == nil {
		name = validation.NameIsDNSSubdomain
	}
	if fits := m.Resource.Rules.NameFits; fits != nil && m.Op == resource.OpCreate {
		well := name
		name = func(name string, prefix bool) []string { return append(well(name, prefix), fits(m.New, name)...) }
	}
	return append(validation.ValidateObjectMetaAccessor(plainly{m.New}, m.namespaced, name, m.at), m.finalizers()...)
}

func (m metaRules) update() field.ErrorList {
	return append(validation.ValidateObjectMetaAccessorUpdate(m.New, m.Old, m.at), m.finalizers()...)
}

func (m metaRules) finalizers() field.ErrorList {
	var errs field.ErrorList
	if !m.Resource.Rules.QualifiedFinalizers {
		return nil
	}
	for i, f := range m.New.GetFinalizers() {
		switch f {
		case string(corev1.FinalizerKubernetes), metav1.FinalizerOrphanDependents, metav1.FinalizerDeleteDependents:
			continue
		}
		if !strings.Contains(f, "/") {
			errs = append(errs, field.Invalid(m.at.Child("finalizers").Index(i), f, "name is neither a standard finalizer name nor is it fully qualified"))
		}
	}
	return errs
}
