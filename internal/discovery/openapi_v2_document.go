package discovery

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"hash/fnv"
	"slices"
	"strings"
)

// The types here are as much of OpenAPI v2 as the document uses, but for schemas, which are nodes in another dialect.

type v2PathItem struct {
	Get        *v2Operation  `json:"get,omitempty"`
	Put        *v2Operation  `json:"put,omitempty"`
	Post       *v2Operation  `json:"post,omitempty"`
	Delete     *v2Operation  `json:"delete,omitempty"`
	Options    *v2Operation  `json:"options,omitempty"`
	Head       *v2Operation  `json:"head,omitempty"`
	Patch      *v2Operation  `json:"patch,omitempty"`
	Parameters []v2Parameter `json:"parameters,omitempty"`
}

type v2Operation struct {
	Description string                `json:"description,omitempty"`
	Consumes    []string              `json:"consumes,omitempty"`
	Produces    []string              `json:"produces,omitempty"`
	Schemes     []string              `json:"schemes,omitempty"`
	Tags        []string              `json:"tags,omitempty"`
	OperationID string                `json:"operationId,omitempty"`
	Parameters  []v2Parameter         `json:"parameters,omitempty"`
	Responses   map[string]v2Response `json:"responses"`
	Action      string                `json:"x-kubernetes-action,omitempty"`
	Kind        *kind                 `json:"x-kubernetes-group-version-kind,omitempty"`
}

type v2Response struct {
	Description string `json:"description"`
	Schema      *node  `json:"schema,omitempty"`
}

// v2Parameter is a parameter, or a reference to a shared one. The order of its fields is that of its hash.
type v2Parameter struct {
	Ref         string    `json:"$ref,omitempty"`
	UniqueItems bool      `json:"uniqueItems,omitempty"`
	Type        string    `json:"type,omitempty"`
	Description string    `json:"description,omitempty"`
	Name        string    `json:"name,omitempty"`
	In          string    `json:"in,omitempty"`
	Required    bool      `json:"required,omitempty"`
	Schema      v2RefOnly `json:"schema,omitzero"` // of a body
}

// v2RefOnly is the schema of a body: a reference, or a type where a kind's schema is not known.
type v2RefOnly struct {
	Ref  string `json:"$ref,omitempty"`
	Type string `json:"type,omitempty"`
}

// v2Parameters are the parameters that operations share, by the names that references call them by.
type v2Parameters struct {
	names  map[v2Parameter]string
	byName map[string]v2Parameter
}

const v2ParameterPrefix = "#/parameters/"

// share replaces a parameter by a reference to it. Those that belong to one kind stay where they are, and so do two that
// old clients look for in operations.
func (s *v2Parameters) share(p v2Parameter) v2Parameter {
	switch {
	case p.Name == "name", p.In == "query" && (p.Name == "fieldValidation" || p.Name == "dryRun"):
		return p
	case p.In == "body" && !strings.HasPrefix(p.Schema.Ref, v2RefPrefix+"io.k8s.apimachinery"):
		return p
	}
	name, ok := s.names[p]
	if !ok {
		name = p.Name + "-" + parameterHash(p)
		s.names[p], s.byName[name] = name, p
	}
	return v2Parameter{Ref: v2ParameterPrefix + name}
}

// parameterHash tells apart what is called the same.
func parameterHash(p v2Parameter) string {
	b, _ := json.Marshal(p) // of plain fields: it cannot fail
	h := fnv.New64()
	h.Write(b)
	return base64.URLEncoding.EncodeToString(h.Sum(nil)[:6])
}

// pathItem says in OpenAPI v2 what p says in v3.
func (s *v2Parameters) pathItem(p *pathItem) *v2PathItem {
	return &v2PathItem{
		Get: s.operation(p.Get), Put: s.operation(p.Put), Post: s.operation(p.Post), Delete: s.operation(p.Delete),
		Options: s.operation(p.Options), Head: s.operation(p.Head), Patch: s.operation(p.Patch),
		Parameters: s.parameters(p.Parameters, nil, false),
	}
}

var v2Schemes = []string{"https"}

func (s *v2Parameters) operation(o *operation) *v2Operation {
	if o == nil {
		return nil
	}
	out := &v2Operation{
		Description: o.Description, Consumes: o.consumes, Produces: o.produces, Schemes: v2Schemes, Tags: o.Tags, OperationID: o.OperationID,
		Parameters: s.parameters(o.Parameters, o.body, o.RequestBody != nil && o.RequestBody.Required),
		Responses:  make(map[string]v2Response, len(o.Responses)), Action: o.Action,
	}
	if o.Kind != nil {
		out.Kind = &kind{o.Kind.Group, o.Kind.Kind, o.Kind.Version}
	}
	for code, r := range o.Responses {
		answer := v2Response{Description: r.Description}
		for _, m := range r.Content { // all of the same schema
			answer.Schema = m.Schema
			break
		}
		out.Responses[code] = answer
	}
	return out
}

// parameters lists parameters by name, a body among them.
func (s *v2Parameters) parameters(ps []*parameter, body *node, required bool) []v2Parameter {
	if len(ps) == 0 && body == nil {
		return nil
	}
	out := make([]v2Parameter, 0, len(ps)+1)
	for _, p := range ps {
		out = append(out, v2Parameter{UniqueItems: p.Schema.UniqueItems, Type: p.Schema.Type, Description: p.Description, Name: p.Name, In: p.In, Required: p.Required})
	}
	if body != nil {
		out = append(out, v2Parameter{Name: "body", In: "body", Required: required, Schema: v2RefOnly{body.Ref, body.Type}})
	}
	slices.SortStableFunc(out, func(a, b v2Parameter) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.In, b.In)) })
	for i, p := range out {
		out[i] = s.share(p)
	}
	return out
}
