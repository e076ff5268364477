package discovery

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"slices"

	"go.yaml.in/yaml/v3"
)

// protoWriter writes documents in the protobuf form of OpenAPI v3 (openapi.v3.Document of gnostic). Maps become lists
// of named messages in the order of their names; whatever OpenAPI does not know by name is a bit of YAML.
type protoWriter struct {
	yaml map[string]string // by JSON: the same few values are written again and again
}

// message appends a message in field n, which write fills.
func (w *protoWriter) message(b []byte, n int, write func([]byte) []byte) []byte {
	b = binary.AppendUvarint(b, uint64(n)<<3|2)
	// Two bytes are left for the length, which suits most messages; others are moved.
	start := len(b)
	b = write(append(b, 0, 0))
	size := len(b) - start - 2
	if size >= 1<<7 && size < 1<<14 {
		b[start], b[start+1] = byte(size)|0x80, byte(size>>7)
		return b
	}
	var length [binary.MaxVarintLen64]byte
	l := binary.PutUvarint(length[:], uint64(size))
	b = slices.Replace(b, start, start+2, length[:l]...)
	return b
}

func (w *protoWriter) string(b []byte, n int, s string) []byte {
	if s == "" {
		return b
	}
	return w.mustString(b, n, s)
}

// mustString appends a string even if it is empty.
func (w *protoWriter) mustString(b []byte, n int, s string) []byte {
	b = binary.AppendUvarint(b, uint64(n)<<3|2)
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func (w *protoWriter) bool(b []byte, n int, v bool) []byte {
	if !v {
		return b
	}
	return append(binary.AppendUvarint(b, uint64(n)<<3), 1)
}

func (w *protoWriter) int(b []byte, n int, v *int64) []byte {
	if v == nil || *v == 0 {
		return b
	}
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(n)<<3), uint64(*v))
}

func (w *protoWriter) double(b []byte, n int, v *float64) []byte {
	if v == nil || *v == 0 {
		return b
	}
	return binary.LittleEndian.AppendUint64(binary.AppendUvarint(b, uint64(n)<<3|1), math.Float64bits(*v))
}

// named appends the entries of a map, each a message of name and value, as repeated field n.
func named[T any](w *protoWriter, b []byte, n int, m map[string]T, value func([]byte, T) []byte) []byte {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		b = w.message(b, n, func(b []byte) []byte {
			b = w.string(b, 1, name)
			return w.message(b, 2, func(b []byte) []byte { return value(b, m[name]) })
		})
	}
	return b
}

func (w *protoWriter) document(d *document) []byte {
	b := w.string(nil, 1, d.OpenAPI)
	b = w.message(b, 2, func(b []byte) []byte {
		return w.string(w.string(b, 1, d.Info.Title), 6, d.Info.Version)
	})
	b = w.message(b, 4, func(b []byte) []byte { return named(w, b, 1, d.Paths, w.pathItem) })
	return w.message(b, 5, func(b []byte) []byte {
		if len(d.Components.Schemas) > 0 {
			b = w.message(b, 1, func(b []byte) []byte { return named(w, b, 1, d.Components.Schemas, w.schemaOrRef) })
		}
		if len(d.Components.SecuritySchemes) == 0 {
			return b
		}
		return w.message(b, 7, func(b []byte) []byte {
			return named(w, b, 1, d.Components.SecuritySchemes, func(b []byte, s *securityScheme) []byte {
				return w.message(b, 1, func(b []byte) []byte {
					b = w.string(b, 1, s.Type)
					b = w.string(b, 2, s.Description)
					b = w.string(b, 3, s.Name)
					return w.string(b, 4, s.In)
				})
			})
		})
	})
}

func (w *protoWriter) pathItem(b []byte, p *pathItem) []byte {
	for i, op := range []*operation{p.Get, p.Put, p.Post, p.Delete, p.Options, p.Head, p.Patch} {
		if op != nil {
			b = w.message(b, 4+i, func(b []byte) []byte { return w.operation(b, op) })
		}
	}
	return w.parameters(b, 13, p.Parameters)
}

func (w *protoWriter) operation(b []byte, o *operation) []byte {
	for _, t := range o.Tags {
		b = w.mustString(b, 1, t)
	}
	b = w.string(b, 3, o.Description)
	b = w.string(b, 5, o.OperationID)
	b = w.parameters(b, 6, o.Parameters)
	if r := o.RequestBody; r != nil {
		b = w.message(b, 7, func(b []byte) []byte {
			return w.message(b, 1, func(b []byte) []byte {
				return w.bool(w.content(b, 2, r.Content), 3, r.Required)
			})
		})
	}
	b = w.message(b, 8, func(b []byte) []byte {
		return named(w, b, 2, o.Responses, func(b []byte, r *response) []byte {
			return w.message(b, 1, func(b []byte) []byte {
				b = w.string(b, 1, r.Description)
				if len(r.Content) > 0 {
					b = w.content(b, 3, r.Content)
				}
				return b
			})
		})
	})
	if o.Action != "" {
		b = w.extension(b, 13, "x-kubernetes-action", o.Action)
	}
	if o.Kind != nil {
		// In this order, which is not that of the names.
		text := "group: " + w.text(o.Kind.Group) + "version: " + w.text(o.Kind.Version) + "kind: " + w.text(o.Kind.Kind)
		b = w.extensionText(b, 13, "x-kubernetes-group-version-kind", text)
	}
	return b
}

func (w *protoWriter) parameters(b []byte, n int, ps []*parameter) []byte {
	for _, p := range ps {
		b = w.message(b, n, func(b []byte) []byte {
			return w.message(b, 1, func(b []byte) []byte {
				b = w.string(b, 1, p.Name)
				b = w.string(b, 2, p.In)
				b = w.string(b, 3, p.Description)
				b = w.bool(b, 4, p.Required)
				return w.message(b, 10, func(b []byte) []byte { return w.schemaOrRef(b, p.Schema) })
			})
		})
	}
	return b
}

func (w *protoWriter) content(b []byte, n int, m map[string]*mediaType) []byte {
	return w.message(b, n, func(b []byte) []byte {
		return named(w, b, 1, m, func(b []byte, t *mediaType) []byte {
			return w.message(b, 1, func(b []byte) []byte { return w.schemaOrRef(b, t.Schema) })
		})
	})
}

func (w *protoWriter) schemaOrRef(b []byte, s *node) []byte {
	if s.Ref != "" {
		return w.message(b, 2, func(b []byte) []byte { return w.string(b, 1, s.Ref) })
	}
	return w.message(b, 1, func(b []byte) []byte { return w.schema(b, s) })
}

func (w *protoWriter) schema(b []byte, s *node) []byte {
	b = w.bool(b, 1, s.Nullable)
	if d := s.ExternalDocs; d != nil {
		b = w.message(b, 6, func(b []byte) []byte { return w.string(w.string(b, 1, d.Description), 2, d.URL) })
	}
	if s.Example != nil {
		b = w.message(b, 7, func(b []byte) []byte { return w.string(b, 2, w.text(s.Example)) })
	}
	b = w.string(b, 9, s.Title)
	b = w.double(b, 10, s.MultipleOf)
	b = w.double(b, 11, s.Maximum)
	b = w.bool(b, 12, s.ExclusiveMaximum)
	b = w.double(b, 13, s.Minimum)
	b = w.bool(b, 14, s.ExclusiveMinimum)
	b = w.int(b, 15, s.MaxLength)
	b = w.int(b, 16, s.MinLength)
	b = w.string(b, 17, s.Pattern)
	b = w.int(b, 18, s.MaxItems)
	b = w.int(b, 19, s.MinItems)
	b = w.bool(b, 20, s.UniqueItems)
	b = w.int(b, 21, s.MaxProperties)
	b = w.int(b, 22, s.MinProperties)
	for _, r := range s.Required {
		b = w.mustString(b, 23, r)
	}
	for _, e := range s.Enum {
		b = w.message(b, 24, func(b []byte) []byte { return w.string(b, 2, w.text(e)) })
	}
	b = w.string(b, 25, s.Type)
	for _, a := range s.AllOf {
		b = w.message(b, 26, func(b []byte) []byte { return w.schemaOrRef(b, a) })
	}
	for _, o := range s.OneOf {
		b = w.message(b, 27, func(b []byte) []byte { return w.schemaOrRef(b, o) })
	}
	for _, o := range s.AnyOf {
		b = w.message(b, 28, func(b []byte) []byte { return w.schemaOrRef(b, o) })
	}
	if s.Not != nil {
		b = w.message(b, 29, func(b []byte) []byte { return w.schema(b, s.Not) })
	}
	if s.Items != nil {
		b = w.message(b, 30, func(b []byte) []byte {
			return w.message(b, 1, func(b []byte) []byte { return w.schemaOrRef(b, s.Items) })
		})
	}
	if len(s.Properties) > 0 {
		b = w.message(b, 31, func(b []byte) []byte { return named(w, b, 1, s.Properties, w.schemaOrRef) })
	}
	if s.Additional != nil {
		b = w.message(b, 32, func(b []byte) []byte {
			if s.Additional.schema == nil {
				return append(b, 2<<3, map[bool]byte{true: 1}[s.Additional.allows])
			}
			return w.message(b, 1, func(b []byte) []byte { return w.schemaOrRef(b, s.Additional.schema) })
		})
	}
	if s.Default != nil {
		b = w.message(b, 33, func(b []byte) []byte { return w.value(b, s.Default) })
	}
	b = w.string(b, 34, s.Description)
	b = w.string(b, 35, s.Format)
	return w.extensions(b, 36, s)
}

// extensions appends what only Kubernetes knows of a schema.
func (w *protoWriter) extensions(b []byte, n int, s *node) []byte {
	if len(s.Kinds) > 0 {
		b = w.extension(b, n, "x-kubernetes-group-version-kind", s.Kinds)
	}
	if len(s.ListMapKeys) > 0 {
		b = w.extension(b, n, "x-kubernetes-list-map-keys", s.ListMapKeys)
	}
	for _, e := range []struct{ name, value string }{
		{"x-kubernetes-list-type", s.ListType}, {"x-kubernetes-map-type", s.MapType},
		{"x-kubernetes-patch-merge-key", s.PatchMergeKey}, {"x-kubernetes-patch-strategy", s.PatchStrategy},
	} {
		if e.value != "" {
			b = w.extension(b, n, e.name, e.value)
		}
	}
	if s.Unions != nil {
		b = w.extension(b, n, "x-kubernetes-unions", s.Unions)
	}
	for _, e := range []struct {
		name string
		set  bool
	}{{"x-kubernetes-embedded-resource", s.Embedded}, {"x-kubernetes-int-or-string", s.IntOrString}, {"x-kubernetes-preserve-unknown-fields", s.PreserveUnknown}} {
		if e.set {
			b = w.extension(b, n, e.name, true)
		}
	}
	if s.Validations != nil {
		b = w.extension(b, n, "x-kubernetes-validations", s.Validations)
	}
	if s.Selectable != nil {
		b = w.extension(b, n, "x-kubernetes-selectable-fields", s.Selectable)
	}
	return b
}

// value appends a default as number, boolean or string; of others the form keeps only that there is one.
func (w *protoWriter) value(b []byte, raw json.RawMessage) []byte {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return b
	}
	switch v := v.(type) {
	case float64:
		return binary.LittleEndian.AppendUint64(append(b, 1<<3|1), math.Float64bits(v))
	case bool:
		return append(b, 2<<3, map[bool]byte{true: 1}[v])
	case string:
		return w.mustString(b, 3, v)
	}
	return b
}

func (w *protoWriter) extension(b []byte, n int, name string, v any) []byte {
	return w.extensionText(b, n, name, w.text(v))
}

func (w *protoWriter) extensionText(b []byte, n int, name, text string) []byte {
	return w.message(b, n, func(b []byte) []byte {
		b = w.string(b, 1, name)
		return w.message(b, 2, func(b []byte) []byte { return w.string(b, 2, text) })
	})
}

// text is a value as YAML, in the order of its JSON.
func (w *protoWriter) text(v any) string {
	j, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	text, ok := w.yaml[string(j)]
	if !ok {
		var n yaml.Node
		if yaml.Unmarshal(j, &n) != nil {
			return ""
		}
		usualStyle(&n)
		y, err := yaml.Marshal(&n)
		if err != nil {
			return ""
		}
		text = string(y)
		w.yaml[string(j)] = text
	}
	return text
}

// usualStyle forgets the brackets and quotes of JSON.
func usualStyle(n *yaml.Node) {
	n.Style = 0
	for _, c := range n.Content {
		usualStyle(c)
	}
}
