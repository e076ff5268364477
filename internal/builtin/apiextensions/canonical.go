package apiextensions

import (
	"bytes"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/pintle-io/pintle/internal/crd/definition"
)

// canonical writes the JSON values in a schema (defaults, enums, examples) the way they are kept: compact, keys sorted,
// numbers as Go writes them. Two schemas that mean the same are then equal byte for byte. Values that are written so
// already, as all stored ones are, stay as they are.
func canonical(s *v1beta1.JSONSchemaProps) (err error) {
	definition.Any(s, func(s *v1beta1.JSONSchemaProps) bool {
		for _, v := range [...]*v1beta1.JSON{s.Default, s.Example} {
			if v != nil && err == nil {
				err = canonicalValue(v)
			}
		}
		for i := range s.Enum {
			if err == nil {
				err = canonicalValue(&s.Enum[i])
			}
		}
		return err != nil
	})
	return err
}

func canonicalValue(v *v1beta1.JSON) error {
	if isCanonical(v.Raw) {
		return nil
	}
	var value any
	if err := json.Unmarshal(v.Raw, &value); err != nil {
		return err
	}
	raw, err := json.Marshal(value)
	if err == nil && !bytes.Equal(raw, v.Raw) {
		v.Raw = raw
	}
	return err
}

// isCanonical knows the usual values: words, short numbers, plain strings, empty lists and objects. It may say no of others.
func isCanonical(raw []byte) bool {
	switch string(raw) {
	case "", "true", "false", "null", "{}", "[]", `""`, "0":
		return true
	}
	switch c := raw[0]; {
	case c >= '1' && c <= '9':
		for _, c := range raw {
			if c < '0' || c > '9' {
				return false
			}
		}
		return len(raw) < 16
	case c == '"' && len(raw) > 1 && raw[len(raw)-1] == '"':
		for _, c := range raw[1 : len(raw)-1] {
			if c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
				return false
			}
		}
		return true
	}
	return false
}
