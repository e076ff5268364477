package discovery

import (
	"maps"
	"slices"
)

// The protobuf form of OpenAPI v2 (openapi.v2.Document of gnostic), bit by bit.

// v2Head is what stands before the paths.
func (w *protoWriter) v2Head(version string) []byte {
	b := w.string(nil, 1, "2.0")
	return w.message(b, 2, func(b []byte) []byte { return w.string(w.string(b, 1, "Kubernetes"), 2, version) })
}

// v2Path is one of the paths.
func (w *protoWriter) v2Path(name string, p *v2PathItem) []byte {
	return w.message(nil, 2, func(b []byte) []byte {
		b = w.string(b, 1, name)
		return w.message(b, 2, func(b []byte) []byte {
			for i, op := range []*v2Operation{p.Get, p.Put, p.Post, p.Delete, p.Options, p.Head, p.Patch} {
				if op != nil {
					b = w.message(b, 2+i, func(b []byte) []byte { return w.v2Operation(b, op) })
				}
			}
			return w.v2Parameters(b, 9, p.Parameters)
		})
	})
}

// v2Definition is one of the definitions.
func (w *protoWriter) v2Definition(name string, s *node) []byte {
	return w.message(nil, 1, func(b []byte) []byte {
		b = w.string(b, 1, name)
		return w.message(b, 2, func(b []byte) []byte { return w.v2Schema(b, s) })
	})
}

// v2Rest is what stands behind the definitions.
func (w *protoWriter) v2Rest(params map[string]v2Parameter) []byte {
	b := w.message(nil, 10, func(b []byte) []byte { return named(w, b, 1, params, w.v2Parameter) })
	b = w.message(b, 12, func(b []byte) []byte {
		return w.message(b, 1, func(b []byte) []byte {
			return w.message(w.string(b, 1, "BearerToken"), 2, func(b []byte) []byte { return b })
		})
	})
	return w.message(b, 13, func(b []byte) []byte {
		return w.message(b, 1, func(b []byte) []byte {
			b = w.string(b, 1, "BearerToken")
			return w.message(b, 2, func(b []byte) []byte {
				return w.message(b, 2, func(b []byte) []byte {
					b = w.string(b, 1, "apiKey")
					b = w.string(b, 2, "authorization")
					b = w.string(b, 3, "header")
					return w.string(b, 4, bearerToken)
				})
			})
		})
	})
}

func (w *protoWriter) strings(b []byte, n int, list []string) []byte {
	for _, s := range list {
		b = w.mustString(b, n, s)
	}
	return b
}

func (w *protoWriter) v2Operation(b []byte, o *v2Operation) []byte {
	b = w.strings(b, 1, o.Tags)
	b = w.string(b, 3, o.Description)
	b = w.string(b, 5, o.OperationID)
	b = w.strings(b, 6, o.Produces)
	b = w.strings(b, 7, o.Consumes)
	b = w.v2Parameters(b, 8, o.Parameters)
	b = w.message(b, 9, func(b []byte) []byte {
		for _, code := range slices.Sorted(maps.Keys(o.Responses)) {
			b = w.message(b, 1, func(b []byte) []byte {
				b = w.string(b, 1, code)
				return w.message(b, 2, func(b []byte) []byte {
					return w.message(b, 1, func(b []byte) []byte { return w.v2Response(b, o.Responses[code]) })
				})
			})
		}
		return b
	})
	b = w.strings(b, 10, o.Schemes)
	if o.Action != "" {
		b = w.extension(b, 13, "x-kubernetes-action", o.Action)
	}
	if o.Kind != nil {
		b = w.extension(b, 13, "x-kubernetes-group-version-kind", o.Kind)
	}
	return b
}

func (w *protoWriter) v2Response(b []byte, r v2Response) []byte {
	b = w.string(b, 1, r.Description)
	if r.Schema == nil {
		return b
	}
	return w.message(b, 2, func(b []byte) []byte {
		return w.message(b, 1, func(b []byte) []byte { return w.v2Schema(b, r.Schema) })
	})
}

func (w *protoWriter) v2Parameters(b []byte, n int, ps []v2Parameter) []byte {
	for _, p := range ps {
		b = w.message(b, n, func(b []byte) []byte {
			if p.Ref != "" {
				return w.message(b, 2, func(b []byte) []byte { return w.string(b, 1, p.Ref) })
			}
			return w.message(b, 1, func(b []byte) []byte { return w.v2Parameter(b, p) })
		})
	}
	return b
}

func (w *protoWriter) v2Parameter(b []byte, p v2Parameter) []byte {
	if p.In == "body" {
		return w.message(b, 1, func(b []byte) []byte {
			b = w.string(b, 1, p.Description)
			b = w.string(b, 2, p.Name)
			b = w.string(b, 3, p.In)
			b = w.bool(b, 4, p.Required)
			return w.message(b, 5, func(b []byte) []byte { return w.v2Schema(b, &node{Ref: p.Schema.Ref, Type: p.Schema.Type}) })
		})
	}
	which, typ, unique := 3, 6, 20 // of the query
	if p.In == "path" {
		which, typ, unique = 4, 5, 19
	}
	return w.message(b, 2, func(b []byte) []byte {
		return w.message(b, which, func(b []byte) []byte {
			b = w.bool(b, 1, p.Required)
			b = w.string(b, 2, p.In)
			b = w.string(b, 3, p.Description)
			b = w.string(b, 4, p.Name)
			b = w.string(b, typ, p.Type)
			return w.bool(b, unique, p.UniqueItems)
		})
	})
}

func (w *protoWriter) v2Schema(b []byte, s *node) []byte {
	b = w.string(b, 1, s.Ref)
	b = w.string(b, 2, s.Format)
	b = w.string(b, 3, s.Title)
	b = w.string(b, 4, s.Description)
	b = w.double(b, 6, s.MultipleOf)
	b = w.double(b, 7, s.Maximum)
	b = w.bool(b, 8, s.ExclusiveMaximum)
	b = w.double(b, 9, s.Minimum)
	b = w.bool(b, 10, s.ExclusiveMinimum)
	b = w.int(b, 11, s.MaxLength)
	b = w.int(b, 12, s.MinLength)
	b = w.string(b, 13, s.Pattern)
	b = w.int(b, 14, s.MaxItems)
	b = w.int(b, 15, s.MinItems)
	b = w.bool(b, 16, s.UniqueItems)
	b = w.int(b, 17, s.MaxProperties)
	b = w.int(b, 18, s.MinProperties)
	b = w.strings(b, 19, s.Required)
	for _, e := range s.Enum {
		b = w.message(b, 20, func(b []byte) []byte { return w.string(b, 2, w.text(e)) })
	}
	if a := s.Additional; a != nil {
		b = w.message(b, 21, func(b []byte) []byte {
			if a.schema == nil {
				return append(b, 2<<3, map[bool]byte{true: 1}[a.allows])
			}
			return w.message(b, 1, func(b []byte) []byte { return w.v2Schema(b, a.schema) })
		})
	}
	if s.Type != "" {
		b = w.message(b, 22, func(b []byte) []byte { return w.string(b, 1, s.Type) })
	}
	if s.Items != nil {
		b = w.message(b, 23, func(b []byte) []byte {
			return w.message(b, 1, func(b []byte) []byte { return w.v2Schema(b, s.Items) })
		})
	}
	if len(s.Properties) > 0 {
		b = w.message(b, 25, func(b []byte) []byte { return named(w, b, 1, s.Properties, w.v2Schema) })
	}
	if d := s.ExternalDocs; d != nil {
		b = w.message(b, 29, func(b []byte) []byte { return w.string(w.string(b, 1, d.Description), 2, d.URL) })
	}
	if s.Example != nil {
		b = w.message(b, 30, func(b []byte) []byte { return w.string(b, 2, w.text(s.Example)) })
	}
	return w.extensions(b, 31, s)
}
