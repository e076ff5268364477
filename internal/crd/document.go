package crd

import (
	"encoding/json"
	"fmt"
	"slices"

	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// document is a stored CustomResourceDefinition (v1beta1) without its schemas, which are the bulk of it.
type document struct {
	metav1.TypeMeta
	Metadata struct {
		Name              string            `json:"name"`
		UID               types.UID         `json:"uid"`
		Generation        int64             `json:"generation"`
		Annotations       map[string]string `json:"annotations"`
		DeletionTimestamp *metav1.Time      `json:"deletionTimestamp"`
		Finalizers        []string          `json:"finalizers"`
	} `json:"metadata"`
	Spec struct {
		Group                    string                                   `json:"group"`
		Version                  string                                   `json:"version"`
		Names                    v1.CustomResourceDefinitionNames         `json:"names"`
		Scope                    v1.ResourceScope                         `json:"scope"`
		Versions                 []version                                `json:"versions"`
		Subresources             *v1.CustomResourceSubresources           `json:"subresources"`
		AdditionalPrinterColumns []v1beta1.CustomResourceColumnDefinition `json:"additionalPrinterColumns"`
		SelectableFields         []v1.SelectableField                     `json:"selectableFields"`
		Conversion               *v1beta1.CustomResourceConversion        `json:"conversion"`
		PreserveUnknownFields    *bool                                    `json:"preserveUnknownFields"`
	} `json:"spec"`
	Status struct {
		Conditions    []v1.CustomResourceDefinitionCondition `json:"conditions"`
		AcceptedNames v1.CustomResourceDefinitionNames       `json:"acceptedNames"`
	} `json:"status"`
}

// version is one version of a document. What all versions share stands in the document's spec.
type version struct {
	Name                     string                                   `json:"name"`
	Served                   bool                                     `json:"served"`
	Storage                  bool                                     `json:"storage"`
	Deprecated               bool                                     `json:"deprecated"`
	DeprecationWarning       *string                                  `json:"deprecationWarning"`
	Subresources             *v1.CustomResourceSubresources           `json:"subresources"`
	AdditionalPrinterColumns []v1beta1.CustomResourceColumnDefinition `json:"additionalPrinterColumns"`
	SelectableFields         []v1.SelectableField                     `json:"selectableFields"`
}

// schemas are the parts of a document that hold its schemas.
type schemas struct {
	metav1.TypeMeta
	Spec struct {
		Validation openAPI `json:"validation"`
		Versions   []struct {
			Name   string  `json:"name"`
			Schema openAPI `json:"schema"`
		} `json:"versions"`
	} `json:"spec"`
}

type openAPI struct {
	OpenAPIV3Schema json.RawMessage `json:"openAPIV3Schema"`
}

// storedAs is the form that definitions are stored in, by this server and by kube-apiserver.
var storedAs = v1beta1.SchemeGroupVersion.WithKind("CustomResourceDefinition")

// stored returns the bytes of a definition in the form above.
func stored(rec *cache.Record) ([]byte, error) {
	if object.StoredKind(rec.Value) == storedAs {
		return rec.Value, nil
	}
	obj, err := rec.Object()
	if err != nil {
		return nil, err
	}
	return json.Marshal(obj)
}

// read reads a definition.
func read(rec *cache.Record) (*document, error) {
	data, err := stored(rec)
	if err != nil {
		return nil, err
	}
	d := &document{}
	if err := object.ReadStored(data, d); err != nil {
		return nil, err
	}
	s := &d.Spec
	if len(s.Versions) == 0 && s.Version != "" {
		s.Versions = []version{{Name: s.Version, Served: true, Storage: true}}
	}
	for i := range s.Versions {
		v := &s.Versions[i]
		if s.Subresources != nil {
			v.Subresources = s.Subresources
		}
		if s.AdditionalPrinterColumns != nil {
			v.AdditionalPrinterColumns = s.AdditionalPrinterColumns
		}
		if s.SelectableFields != nil {
			v.SelectableFields = s.SelectableFields
		}
	}
	return d, nil
}

// schemaOf returns the schema of one version of a definition, as JSON; nil when it has none.
func schemaOf(rec *cache.Record, version string) (json.RawMessage, error) {
	data, err := stored(rec)
	if err != nil {
		return nil, err
	}
	var s schemas
	if err := object.ReadStored(data, &s); err != nil {
		return nil, err
	}
	if s.Spec.Validation.OpenAPIV3Schema != nil {
		return s.Spec.Validation.OpenAPIV3Schema, nil
	}
	for _, v := range s.Spec.Versions {
		if v.Name == version {
			return v.Schema.OpenAPIV3Schema, nil
		}
	}
	return nil, fmt.Errorf("there is no version %s", version)
}

func (d *document) condition(t v1.CustomResourceDefinitionConditionType) *v1.CustomResourceDefinitionCondition {
	for i := range d.Status.Conditions {
		if d.Status.Conditions[i].Type == t {
			return &d.Status.Conditions[i]
		}
	}
	return nil
}

func (d *document) is(t v1.CustomResourceDefinitionConditionType) bool {
	c := d.condition(t)
	return c != nil && c.Status == v1.ConditionTrue
}

// preserves says that unknown fields are kept everywhere, as before there were structural schemas. Absent means yes.
func (d *document) preserves() bool {
	return d.Spec.PreserveUnknownFields == nil || *d.Spec.PreserveUnknownFields
}

// served says whether the definition is to be served: its names are its own, and complete.
func (d *document) served() bool {
	n := &d.Status.AcceptedNames
	return (d.is(v1.NamesAccepted) || d.is(v1.Established)) && n.Plural != "" && n.Singular != "" && n.Kind != "" && n.ListKind != ""
}

// dying says that the definition was deleted and its objects are still to be.
func (d *document) dying() bool {
	return d.Metadata.DeletionTimestamp != nil && slices.Contains(d.Metadata.Finalizers, v1.CustomResourceCleanupFinalizer)
}

// entry is what is kept of a document.
type entry struct {
	rec        *cache.Record
	group      string
	generation int64
	wants      v1.CustomResourceDefinitionNames
	has        v1.CustomResourceDefinitionNames
	// resource is what it is served as; nil while it is not.
	resource  *resource.Resource
	converter *converter
	ending    bool // a goroutine sees to its end
}
