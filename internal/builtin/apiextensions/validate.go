package apiextensions

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/crd/definition"
	"github.com/pintle-io/pintle/internal/resource"
)

// validate checks a definition. What was stored once is held to what it was stored under: an update that does not
// pass all rules is judged again without those that the old definition breaks. Each of these only takes errors away,
// so that an update that passes, which is nearly every one, never looks at the old schemas.
func validate(ctx context.Context, c *resource.Change) field.ErrorList {
	crd := c.New.(*v1beta1.CustomResourceDefinition)
	if c.Sub != nil {
		var v validator
		v.names(&crd.Status.AcceptedNames, field.NewPath("status", "acceptedNames"))
		return v.errs
	}
	if c.Op == resource.OpCreate {
		return check(ctx, crd, nil, strict)
	}
	old := c.Old.(*v1beta1.CustomResourceDefinition)
	errs := check(ctx, crd, old, strict)
	if len(errs) == 0 {
		return nil
	}
	return check(ctx, crd, old, relaxed(crd, old))
}

// rules are those that an old definition may break.
type rules struct {
	wantSchema      bool // every version has a schema
	wantTypes       bool // types are those of OpenAPI
	wantStructural  bool
	wantPruned      bool // defaults have no unknown fields
	wantAtomicSets  bool // elements of sets are atomic
	wantListKeys    bool // keys of map lists are required or have a default, and nothing there is nullable
	wantKnownReview bool // a conversion webhook speaks a known version of ConversionReview
	allowBadBundle  bool
	// manyFields names the versions ("": all) that may select by more fields than are allowed.
	manyFields map[string]bool
}

// strict is for what nobody has stored yet. The bundle of a webhook may be bad until the definition is established.
var strict = rules{wantSchema: true, wantTypes: true, wantStructural: true, wantPruned: true, wantAtomicSets: true, wantListKeys: true, wantKnownReview: true}

// validator collects what is wrong with one definition.
type validator struct {
	ctx context.Context
	rules
	old  *v1beta1.CustomResourceDefinition // nil: it is new
	errs field.ErrorList
}

func (v *validator) add(e *field.Error) { v.errs = append(v.errs, e) }

// check validates a definition under the rules; old is nil for a new one.
func check(ctx context.Context, crd, old *v1beta1.CustomResourceDefinition, r rules) field.ErrorList {
	v := validator{ctx: ctx, rules: r, old: old}
	if old == nil {
		v.allowBadBundle = true
	}
	at := field.NewPath("spec")
	v.spec(&crd.Spec, at)
	if old != nil {
		v.immutable(crd, old, at)
	}
	v.names(&crd.Status.AcceptedNames, field.NewPath("status", "acceptedNames"))
	v.storedVersions(crd.Status.StoredVersions, crd.Spec.Versions, field.NewPath("status", "storedVersions"))
	v.approval(crd, old)
	if p := crd.Spec.PreserveUnknownFields; p != nil && *p && (old == nil || old.Spec.PreserveUnknownFields == nil || !*old.Spec.PreserveUnknownFields) {
		v.add(field.Invalid(at.Child("preserveUnknownFields"), p, "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"))
	}
	return v.errs
}

func (v *validator) immutable(crd, old *v1beta1.CustomResourceDefinition, at *field.Path) {
	keep := func(now, was string, at *field.Path) {
		v.errs = append(v.errs, apivalidation.ValidateImmutableField(now, was, at)...)
	}
	names, oldNames := at.Child("names"), &old.Spec.Names
	if definition.ConditionTrue(old, v1beta1.Established) {
		v.errs = append(v.errs, apivalidation.ValidateImmutableField(crd.Spec.Scope, old.Spec.Scope, at.Child("scope"))...)
		keep(crd.Spec.Names.Kind, oldNames.Kind, names.Child("kind"))
	}
	keep(crd.Spec.Group, old.Spec.Group, at.Child("group"))
	keep(crd.Spec.Names.Plural, oldNames.Plural, names.Child("plural"))
}

// oneOf wants one of a few words.
func (v *validator) oneOf(at *field.Path, value string, accepted ...string) {
	if value == "" {
		v.add(field.Required(at, ""))
		return
	}
	for _, a := range accepted {
		if a == value {
			return
		}
	}
	v.add(field.NotSupported(at, value, accepted))
}

// spec checks the specification, in the order of the reference.
func (v *validator) spec(spec *v1beta1.CustomResourceDefinitionSpec, at *field.Path) {
	before := v.rules
	defer func() { v.rules = before }()
	if spec.Group == "" {
		v.add(field.Required(at.Child("group"), ""))
	} else if errs := validation.IsDNS1123Subdomain(spec.Group); len(errs) > 0 {
		v.add(field.Invalid(at.Child("group"), spec.Group, strings.Join(errs, ",")))
	} else if !strings.Contains(spec.Group, ".") {
		v.add(field.Invalid(at.Child("group"), spec.Group, "should be a domain with at least one dot"))
	}
	v.oneOf(at.Child("scope"), string(spec.Scope), string(v1beta1.ClusterScoped), string(v1beta1.NamespaceScoped))

	prune := spec.PreserveUnknownFields == nil || !*spec.PreserveUnknownFields
	v.wantStructural = v.wantStructural || prune
	v.schemasThere(spec, prune, at)
	defaults, extensions := features(spec)
	if defaults {
		v.wantStructural = true
		if !prune {
			v.add(field.Invalid(at.Child("preserveUnknownFields"), true, "must be false in order to use defaults in the schema"))
		}
	}
	v.wantStructural = v.wantStructural || extensions

	v.versions(spec, at)
	v.specNames(&spec.Names, at.Child("names"))
	v.schema(spec.Validation, anyStatus(spec), spec.Version, at.Child("validation"))
	v.subresources(spec.Subresources, at.Child("subresources"))
	v.columns(spec.AdditionalPrinterColumns, at.Child("additionalPrinterColumns"))
	if len(spec.SelectableFields) > 0 {
		if spec.Validation == nil {
			v.add(field.Invalid(at.Child("selectableFields"), "", "may only be set when validations.schema is included"))
		} else {
			v.selectable(spec.SelectableFields, spec.Validation.OpenAPIV3Schema, "", at)
		}
	}
	if spec.Conversion != nil && spec.Conversion.Strategy != v1beta1.NoneConverter && !prune {
		v.add(field.Invalid(at.Child("conversion", "strategy"), spec.Conversion.Strategy, "must be None if spec.preserveUnknownFields is true"))
	}
	v.conversion(spec.Conversion, at.Child("conversion"))
}

// schemasThere wants a schema in each version, or at least, where fields are pruned, in each served one.
func (v *validator) schemasThere(spec *v1beta1.CustomResourceDefinitionSpec, prune bool, at *field.Path) {
	if definition.Root(spec.Validation) != nil || !v.wantSchema && !prune {
		return
	}
	for i := range spec.Versions {
		one := &spec.Versions[i]
		if definition.Root(one.Schema) != nil || !v.wantSchema && !one.Served {
			continue
		}
		why := ""
		if !v.wantSchema {
			why = "because otherwise all fields are pruned"
		}
		v.add(field.Required(at.Child("versions").Index(i).Child("schema", "openAPIV3Schema"), why))
	}
}

// features says whether a definition's schemas have defaults, and whether they have extensions of Kubernetes that
// only a structural schema can have.
func features(spec *v1beta1.CustomResourceDefinitionSpec) (defaults, extensions bool) {
	for s := range definition.Schemas(spec) {
		definition.Any(s, func(s *v1beta1.JSONSchemaProps) bool {
			defaults = defaults || s.Default != nil
			extensions = extensions || s.XEmbeddedResource || s.XPreserveUnknownFields != nil || s.XIntOrString ||
				len(s.XListMapKeys) > 0 || s.XListType != nil || len(s.XValidations) > 0
			return defaults && extensions
		})
	}
	return defaults, extensions
}

func (v *validator) versions(spec *v1beta1.CustomResourceDefinitionSpec, at *field.Path) {
	list := at.Child("versions")
	perVersion := slices.ContainsFunc(spec.Versions, func(v v1beta1.CustomResourceDefinitionVersion) bool { return v.Subresources != nil })
	stored, unique, seen := 0, true, map[string]*v1beta1.CustomResourceSubresources{}
	for i := range spec.Versions {
		one := &spec.Versions[i]
		if one.Storage {
			stored++
		}
		subresources, again := seen[one.Name] // of two versions of one name the first counts
		if unique = unique && !again; !again {
			subresources = one.Subresources
			seen[one.Name] = subresources
		}
		if !perVersion {
			subresources = spec.Subresources
		}
		if errs := validation.IsDNS1035Label(one.Name); len(errs) > 0 {
			v.add(field.Invalid(list.Index(i).Child("name"), one.Name, strings.Join(errs, ",")))
		}
		v.version(one, hasStatus(subresources), list.Index(i))
	}
	if !unique {
		v.add(field.Invalid(list, shownVersions(spec.Versions), "must contain unique version names"))
	}
	if stored != 1 {
		v.add(field.Invalid(list, shownVersions(spec.Versions), "must have exactly one version marked as storage version"))
	}
	if spec.Version != "" {
		if errs := validation.IsDNS1035Label(spec.Version); len(errs) > 0 {
			v.add(field.Invalid(at.Child("version"), spec.Version, strings.Join(errs, ",")))
		}
	}
}

func (v *validator) version(one *v1beta1.CustomResourceDefinitionVersion, status bool, at *field.Path) {
	for _, text := range deprecationWarning(one.Deprecated, one.DeprecationWarning) {
		v.add(field.Invalid(at.Child("deprecationWarning"), one.DeprecationWarning, text))
	}
	v.schema(one.Schema, status, one.Name, at.Child("schema"))
	v.subresources(one.Subresources, at.Child("subresources"))
	v.columns(one.AdditionalPrinterColumns, at.Child("additionalPrinterColumns"))
	if len(one.SelectableFields) == 0 {
		return
	}
	if s := definition.Root(one.Schema); s != nil {
		v.selectable(one.SelectableFields, s, one.Name, at)
	} else {
		v.add(field.Invalid(at.Child("selectableFields"), "", "may only be set when `version.schema.openAPIV3Schema` is not included"))
	}
}

func hasStatus(s *v1beta1.CustomResourceSubresources) bool { return s != nil && s.Status != nil }

func anyStatus(spec *v1beta1.CustomResourceDefinitionSpec) bool {
	if hasStatus(spec.Subresources) {
		return true
	}
	for i := range spec.Versions {
		if hasStatus(spec.Versions[i].Subresources) {
			return true
		}
	}
	return false
}

// storedVersions wants the versions that objects may be stored in to be among the versions.
func (v *validator) storedVersions(stored []string, versions []v1beta1.CustomResourceDefinitionVersion, at *field.Path) {
	if len(stored) == 0 {
		v.add(field.Invalid(at, stored, "must have at least one stored version"))
		return
	}
	left := map[string]int{}
	for i, name := range stored {
		left[name] = i
	}
	for i := range versions {
		name := versions[i].Name
		if _, ok := left[name]; !ok && versions[i].Storage {
			v.add(field.Invalid(at, stored, "must have the storage version "+name))
		}
		delete(left, name)
	}
	for i, name := range stored {
		if last, ok := left[name]; ok && last == i {
			v.add(field.Invalid(at.Index(i), name, "missing from spec.versions; "+name+" was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in "+name+" and removes "+name+" from status.storedVersions"))
		}
	}
}

// approval wants definitions in groups of the community to be approved, unless it was so before.
func (v *validator) approval(crd, old *v1beta1.CustomResourceDefinition) {
	if !definition.Protected(crd.Spec.Group) {
		return
	}
	state, reason := definition.ApprovalOf(crd.Annotations)
	if old != nil {
		if was, _ := definition.ApprovalOf(old.Annotations); was == state {
			return
		}
	}
	at := field.NewPath("metadata", "annotations").Key(v1beta1.KubeAPIApprovedAnnotation)
	switch state {
	case definition.ApprovalInvalid:
		v.add(field.Invalid(at, crd.Annotations[v1beta1.KubeAPIApprovedAnnotation], reason))
	case definition.ApprovalMissing:
		v.add(field.Required(at, reason))
	}
}
