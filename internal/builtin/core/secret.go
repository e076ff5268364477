package core

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

func Secret() *resource.Resource {
	r := describe.Kind{
		Plural: "secrets", Kind: "Secret", Versions: v1[corev1.Secret](),
		FieldError: describe.Unsupported,
		Fields: map[string]func(object.Object) string{
			"type": describe.Field(func(s *corev1.Secret) string { return string(s.Type) }),
		},
	}.Resource()
	r.Versions[0].Default = func(o object.Object) { foldStringData(o.(*corev1.Secret)) }
	r.Prepare = prepareSecret
	return r
}

// foldStringData moves the write-only stringData into data, which it overrides, and gives a Secret its type.
func foldStringData(s *corev1.Secret) {
	if s.Type == "" {
		s.Type = corev1.SecretTypeOpaque
	}
	if len(s.StringData) > 0 && s.Data == nil {
		s.Data = make(map[string][]byte, len(s.StringData))
	}
	for k, v := range s.StringData {
		s.Data[k] = []byte(v)
	}
	s.StringData = nil
}

func prepareSecret(_ context.Context, c *resource.Change) error {
	s := c.New.(*corev1.Secret)
	if c.Op == resource.OpUpdate && s.Type == "" {
		s.Type = c.Old.(*corev1.Secret).Type
	}
	return nil
}
