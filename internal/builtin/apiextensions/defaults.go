package apiextensions

import (
	"strings"

	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/pintle-io/pintle/internal/object"
)

// setDefaults fills in what a definition may leave out. Stored ones have it all.
func setDefaults(o object.Object) {
	crd := o.(*v1.CustomResourceDefinition)
	names := &crd.Spec.Names
	if names.Singular == "" {
		names.Singular = strings.ToLower(names.Kind)
	}
	if names.ListKind == "" && names.Kind != "" {
		names.ListKind = names.Kind + "List"
	}
	switch c := crd.Spec.Conversion; {
	case c == nil:
		crd.Spec.Conversion = &v1.CustomResourceConversion{Strategy: v1.NoneConverter}
	case c.Webhook != nil && c.Webhook.ClientConfig != nil && c.Webhook.ClientConfig.Service != nil && c.Webhook.ClientConfig.Service.Port == nil:
		port := int32(443)
		c.Webhook.ClientConfig.Service.Port = &port
	}
	if len(crd.Status.StoredVersions) > 0 {
		return
	}
	for i := range crd.Spec.Versions {
		if v := &crd.Spec.Versions[i]; v.Storage {
			crd.Status.StoredVersions = append(crd.Status.StoredVersions, v.Name)
			return
		}
	}
}
