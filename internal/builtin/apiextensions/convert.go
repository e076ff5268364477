package apiextensions

import (
	"context"
	"fmt"
	"slices"
	"unsafe"

	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/crd/definition"
	"github.com/pintle-io/pintle/internal/object"
)

func convert(_ context.Context, objs []object.Object, to string) ([]object.Object, error) {
	out := make([]object.Object, len(objs))
	for i, o := range objs {
		switch crd := o.(type) {
		case *v1.CustomResourceDefinition:
			for j := range crd.Spec.Versions {
				if err := canonical(definition.Root(same[v1beta1.CustomResourceValidation](crd.Spec.Versions[j].Schema))); err != nil {
					return nil, err
				}
			}
			out[i] = toV1beta1(crd)
		case *v1beta1.CustomResourceDefinition:
			out[i] = toV1(crd)
		default:
			return nil, fmt.Errorf("%T is no CustomResourceDefinition", o)
		}
		out[i].GetObjectKind().SetGroupVersionKind(schema.FromAPIVersionAndKind(to, "CustomResourceDefinition"))
	}
	return out, nil
}

// same reads a value as the type of the other version that has the same fields. A test compares the types.
func same[T, F any](from *F) *T { return (*T)(unsafe.Pointer(from)) }

// toV1beta1 moves what all versions have in common to the top.
func toV1beta1(in *v1.CustomResourceDefinition) *v1beta1.CustomResourceDefinition {
	out := &v1beta1.CustomResourceDefinition{
		ObjectMeta: in.ObjectMeta,
		Spec: v1beta1.CustomResourceDefinitionSpec{
			Group: in.Spec.Group, Names: *same[v1beta1.CustomResourceDefinitionNames](&in.Spec.Names),
			Scope: v1beta1.ResourceScope(in.Spec.Scope),
		},
		Status: *same[v1beta1.CustomResourceDefinitionStatus](&in.Status),
	}
	preserve := in.Spec.PreserveUnknownFields
	out.Spec.PreserveUnknownFields = &preserve
	if c := in.Spec.Conversion; c != nil {
		out.Spec.Conversion = &v1beta1.CustomResourceConversion{Strategy: v1beta1.ConversionStrategyType(c.Strategy)}
		if c.Webhook != nil {
			out.Spec.Conversion.ConversionReviewVersions = c.Webhook.ConversionReviewVersions
			out.Spec.Conversion.WebhookClientConfig = same[v1beta1.WebhookClientConfig](c.Webhook.ClientConfig)
		}
	}
	if in.Spec.Versions == nil {
		return out
	}
	versions := make([]v1beta1.CustomResourceDefinitionVersion, len(in.Spec.Versions))
	for i := range in.Spec.Versions {
		v := &in.Spec.Versions[i]
		versions[i] = v1beta1.CustomResourceDefinitionVersion{
			Name: v.Name, Served: v.Served, Storage: v.Storage, Deprecated: v.Deprecated, DeprecationWarning: v.DeprecationWarning,
			Schema:           same[v1beta1.CustomResourceValidation](v.Schema),
			Subresources:     same[v1beta1.CustomResourceSubresources](v.Subresources),
			SelectableFields: *same[[]v1beta1.SelectableField](&v.SelectableFields),
		}
		for _, c := range v.AdditionalPrinterColumns {
			versions[i].AdditionalPrinterColumns = append(versions[i].AdditionalPrinterColumns, v1beta1.CustomResourceColumnDefinition(c))
		}
	}
	out.Spec.Versions = versions
	if len(versions) > 0 {
		lift(&out.Spec)
	}
	return out
}

// lift moves what is equal in all versions.
func lift(spec *v1beta1.CustomResourceDefinitionSpec) {
	first := spec.Versions[0]
	spec.Version = first.Name
	alike := func(get func(*v1beta1.CustomResourceDefinitionVersion) any) bool {
		return !slices.ContainsFunc(spec.Versions[1:], func(v v1beta1.CustomResourceDefinitionVersion) bool {
			return !apiequality.Semantic.DeepEqual(get(&v), get(&first))
		})
	}
	if alike(func(v *v1beta1.CustomResourceDefinitionVersion) any { return v.Subresources }) {
		spec.Subresources = first.Subresources
		for i := range spec.Versions {
			spec.Versions[i].Subresources = nil
		}
	}
	if alike(func(v *v1beta1.CustomResourceDefinitionVersion) any { return v.Schema }) {
		spec.Validation = first.Schema
		for i := range spec.Versions {
			spec.Versions[i].Schema = nil
		}
	}
	if alike(func(v *v1beta1.CustomResourceDefinitionVersion) any { return v.AdditionalPrinterColumns }) {
		spec.AdditionalPrinterColumns = first.AdditionalPrinterColumns
		for i := range spec.Versions {
			spec.Versions[i].AdditionalPrinterColumns = nil
		}
	}
	if alike(func(v *v1beta1.CustomResourceDefinitionVersion) any { return v.SelectableFields }) {
		spec.SelectableFields = first.SelectableFields
		for i := range spec.Versions {
			spec.Versions[i].SelectableFields = nil
		}
	}
}

// toV1 gives each version what stands at the top. The versions share it.
func toV1(in *v1beta1.CustomResourceDefinition) *v1.CustomResourceDefinition {
	out := &v1.CustomResourceDefinition{
		ObjectMeta: in.ObjectMeta,
		Spec: v1.CustomResourceDefinitionSpec{
			Group: in.Spec.Group, Names: *same[v1.CustomResourceDefinitionNames](&in.Spec.Names),
			Scope: v1.ResourceScope(in.Spec.Scope),
		},
		Status: *same[v1.CustomResourceDefinitionStatus](&in.Status),
	}
	// Absent means yes in v1beta1.
	out.Spec.PreserveUnknownFields = in.Spec.PreserveUnknownFields == nil || *in.Spec.PreserveUnknownFields
	if c := in.Spec.Conversion; c != nil {
		out.Spec.Conversion = &v1.CustomResourceConversion{Strategy: v1.ConversionStrategyType(c.Strategy)}
		if c.WebhookClientConfig != nil || c.ConversionReviewVersions != nil {
			out.Spec.Conversion.Webhook = &v1.WebhookConversion{
				ClientConfig: same[v1.WebhookClientConfig](c.WebhookClientConfig), ConversionReviewVersions: c.ConversionReviewVersions,
			}
		}
	} else {
		out.Spec.Conversion = &v1.CustomResourceConversion{Strategy: v1.NoneConverter}
	}
	versions := in.Spec.Versions
	if len(versions) == 0 && in.Spec.Version != "" {
		versions = []v1beta1.CustomResourceDefinitionVersion{{Name: in.Spec.Version, Served: true, Storage: true}}
	}
	for i := range versions {
		v := versions[i]
		if in.Spec.Subresources != nil {
			v.Subresources = in.Spec.Subresources
		}
		if in.Spec.Validation != nil {
			v.Schema = in.Spec.Validation
		}
		if in.Spec.AdditionalPrinterColumns != nil {
			v.AdditionalPrinterColumns = in.Spec.AdditionalPrinterColumns
		}
		if in.Spec.SelectableFields != nil {
			v.SelectableFields = in.Spec.SelectableFields
		}
		to := v1.CustomResourceDefinitionVersion{
			Name: v.Name, Served: v.Served, Storage: v.Storage, Deprecated: v.Deprecated, DeprecationWarning: v.DeprecationWarning,
			Schema:           same[v1.CustomResourceValidation](v.Schema),
			Subresources:     same[v1.CustomResourceSubresources](v.Subresources),
			SelectableFields: slices.Clone(*same[[]v1.SelectableField](&v.SelectableFields)),
		}
		for _, c := range v.AdditionalPrinterColumns {
			to.AdditionalPrinterColumns = append(to.AdditionalPrinterColumns, v1.CustomResourceColumnDefinition(c))
		}
		out.Spec.Versions = append(out.Spec.Versions, to)
	}
	return out
}
