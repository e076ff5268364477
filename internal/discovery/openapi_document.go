package discovery

import "encoding/json"

// The types here are as much of OpenAPI v3 as the documents use; their JSON is the document.

type document struct {
	OpenAPI    string               `json:"openapi"`
	Info       info                 `json:"info"`
	Paths      map[string]*pathItem `json:"paths"`
	Components components           `json:"components"`
}

type info struct {
	Title   string `json:"title"`
	Version string `json:"version"`
}

type components struct {
	Schemas         map[string]*node           `json:"schemas,omitempty"`
	SecuritySchemes map[string]*securityScheme `json:"securitySchemes,omitempty"`
}

type securityScheme struct {
	Type        string `json:"type"`
	Description string `json:"description"`
	Name        string `json:"name"`
	In          string `json:"in"`
}

// pathItem is the operations of one path; parameters that all of them have stand beside them.
type pathItem struct {
	Get        *operation   `json:"get,omitempty"`
	Put        *operation   `json:"put,omitempty"`
	Post       *operation   `json:"post,omitempty"`
	Delete     *operation   `json:"delete,omitempty"`
	Options    *operation   `json:"options,omitempty"`
	Head       *operation   `json:"head,omitempty"`
	Patch      *operation   `json:"patch,omitempty"`
	Parameters []*parameter `json:"parameters,omitempty"`
}

// operations lists those that are there, with the places they are in.
func (p *pathItem) operations() (out []*operation) {
	for _, op := range []*operation{p.Get, p.Put, p.Post, p.Delete, p.Options, p.Head, p.Patch} {
		if op != nil {
			out = append(out, op)
		}
	}
	return out
}

type operation struct {
	Tags        []string             `json:"tags"`
	Description string               `json:"description"`
	OperationID string               `json:"operationId"`
	Parameters  []*parameter         `json:"parameters,omitempty"`
	RequestBody *requestBody         `json:"requestBody,omitempty"`
	Responses   map[string]*response `json:"responses"`
	Action      string               `json:"x-kubernetes-action,omitempty"`
	Kind        *operationKind       `json:"x-kubernetes-group-version-kind,omitempty"`

	// What OpenAPI v2 says in other places, in its order.
	body               *node
	consumes, produces []string
}

type operationKind struct {
	Group   string `json:"group"`
	Version string `json:"version"`
	Kind    string `json:"kind"`
}

type parameter struct {
	Name        string `json:"name"`
	In          string `json:"in"`
	Description string `json:"description,omitempty"`
	Required    bool   `json:"required,omitempty"`
	Schema      *node  `json:"schema"`
}

type requestBody struct {
	Content  map[string]*mediaType `json:"content"`
	Required bool                  `json:"required,omitempty"`
}

type response struct {
	Description string                `json:"description"`
	Content     map[string]*mediaType `json:"content,omitempty"`
}

type mediaType struct {
	Schema *node `json:"schema"`
}

// node is a schema.
type node struct {
	Ref         string           `json:"$ref,omitempty"`
	Description string           `json:"description,omitempty"`
	Type        string           `json:"type,omitempty"`
	Format      string           `json:"format,omitempty"`
	Default     json.RawMessage  `json:"default,omitempty"`
	UniqueItems bool             `json:"uniqueItems,omitempty"`
	Enum        []any            `json:"enum,omitempty"`
	Items       *node            `json:"items,omitempty"`
	AllOf       []*node          `json:"allOf,omitempty"`
	OneOf       []*node          `json:"oneOf,omitempty"`
	AnyOf       []*node          `json:"anyOf,omitempty"`
	Not         *node            `json:"not,omitempty"`
	Properties  map[string]*node `json:"properties,omitempty"`
	Additional  *additional      `json:"additionalProperties,omitempty"`
	Required    []string         `json:"required,omitempty"`

	Kinds         []kind          `json:"x-kubernetes-group-version-kind,omitempty"`
	ListMapKeys   []string        `json:"x-kubernetes-list-map-keys,omitempty"`
	ListType      string          `json:"x-kubernetes-list-type,omitempty"`
	MapType       string          `json:"x-kubernetes-map-type,omitempty"`
	PatchMergeKey string          `json:"x-kubernetes-patch-merge-key,omitempty"`
	PatchStrategy string          `json:"x-kubernetes-patch-strategy,omitempty"`
	Unions        json.RawMessage `json:"x-kubernetes-unions,omitempty"`

	// The rest is of custom resources.

	Title            string          `json:"title,omitempty"`
	Nullable         bool            `json:"nullable,omitempty"`
	Pattern          string          `json:"pattern,omitempty"`
	MinLength        *int64          `json:"minLength,omitempty"`
	MaxLength        *int64          `json:"maxLength,omitempty"`
	MinItems         *int64          `json:"minItems,omitempty"`
	MaxItems         *int64          `json:"maxItems,omitempty"`
	MinProperties    *int64          `json:"minProperties,omitempty"`
	MaxProperties    *int64          `json:"maxProperties,omitempty"`
	Minimum          *float64        `json:"minimum,omitempty"`
	Maximum          *float64        `json:"maximum,omitempty"`
	ExclusiveMinimum bool            `json:"exclusiveMinimum,omitempty"`
	ExclusiveMaximum bool            `json:"exclusiveMaximum,omitempty"`
	MultipleOf       *float64        `json:"multipleOf,omitempty"`
	Example          json.RawMessage `json:"example,omitempty"`
	ExternalDocs     *externalDocs   `json:"externalDocs,omitempty"`
	Embedded         bool            `json:"x-kubernetes-embedded-resource,omitempty"`
	IntOrString      bool            `json:"x-kubernetes-int-or-string,omitempty"`
	PreserveUnknown  bool            `json:"x-kubernetes-preserve-unknown-fields,omitempty"`
	Validations      json.RawMessage `json:"x-kubernetes-validations,omitempty"`

	Selectable []selectableField `json:"x-kubernetes-selectable-fields,omitempty"`
}

type selectableField struct {
	Path string `json:"fieldPath"`
}

// additional is the schema of whatever else an object has, or whether it has anything else.
type additional struct {
	schema *node
	allows bool
}

func (a *additional) MarshalJSON() ([]byte, error) {
	if a.schema == nil {
		return json.Marshal(a.allows)
	}
	return json.Marshal(a.schema)
}

func (a *additional) UnmarshalJSON(b []byte) error {
	if json.Unmarshal(b, &a.allows) == nil {
		return nil
	}
	a.schema = &node{}
	return json.Unmarshal(b, a.schema)
}

type externalDocs struct {
	Description string `json:"description,omitempty"`
	URL         string `json:"url,omitempty"`
}

type kind struct {
	Group   string `json:"group"`
	Kind    string `json:"kind"`
	Version string `json:"version"`
}

// Where references lead to in OpenAPI v3 and v2.
const (
	refPrefix   = "#/components/schemas/"
	v2RefPrefix = "#/definitions/"
)
