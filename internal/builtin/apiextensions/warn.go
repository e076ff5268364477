package apiextensions

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"

	"github.com/pintle-io/pintle/internal/crd/definition"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/schema"
)

// maxWarnings is more than an answer can carry.
const maxWarnings = 1000

// warn tells of formats that mean nothing here, unless they were there before.
func warn(_ context.Context, c *resource.Change) []string {
	if c.Sub != nil {
		return nil
	}
	formats := unknownFormats(c.New.(*v1beta1.CustomResourceDefinition))
	if len(formats) == 0 {
		return nil
	}
	var known []string
	if c.Op == resource.OpUpdate {
		known = unknownFormats(c.Old.(*v1beta1.CustomResourceDefinition))
	}
	var out []string
	for _, f := range formats {
		if _, ok := slices.BinarySearch(known, f); !ok && len(out) < maxWarnings {
			out = append(out, fmt.Sprintf("unrecognized format %q", f))
		}
	}
	return out
}

// unknownFormats are the formats in a definition's schemas that are not checked, sorted.
func unknownFormats(crd *v1beta1.CustomResourceDefinition) (out []string) {
	for s := range definition.Schemas(&crd.Spec) {
		definition.Any(s, func(s *v1beta1.JSONSchemaProps) bool {
			if s.Format != "" && !schema.KnownFormat(s.Type, s.Format) {
				out = append(out, s.Format)
			}
			return false
		})
	}
	slices.Sort(out)
	return slices.Compact(out)
}
