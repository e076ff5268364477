package crd

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/pintle-io/pintle/internal/object"
)

// storedDefinition is a definition of sixty fields as it is stored.
func storedDefinition() []byte {
	fields := make([]string, 60)
	for i := range fields {
		fields[i] = fmt.Sprintf(`"field%02d":{"description":"What it is for, with a \"quote\" in it.","type":"array","items":{"type":"string","maxLength":256}}`, i)
	}
	return []byte(`{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1beta1","metadata":{"name":"ts.example.com","uid":"u-1","generation":2,` +
		`"creationTimestamp":"2026-01-02T03:04:05Z","deletionTimestamp":"2026-01-02T03:04:06Z","annotations":{"a":"b"},"finalizers":["customresourcecleanup.apiextensions.k8s.io"],` +
		`"managedFields":[{"manager":"m","operation":"Update","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:group":{}}}}]},` +
		`"spec":{"group":"example.com","version":"v1","names":{"plural":"ts","singular":"t","shortNames":["x"],"kind":"T","listKind":"TList","categories":["all"]},"scope":"Namespaced",` +
		`"validation":{"openAPIV3Schema":{"type":"object","properties":{` + strings.Join(fields, ",") + `}}},"subresources":{"status":{},"scale":{"specReplicasPath":".spec.n","statusReplicasPath":".status.n"}},` +
		`"versions":[{"name":"v1","served":true,"storage":true,"deprecationWarning":null},{"name":"v2","served":true,"storage":false,"schema":{"openAPIV3Schema":{"type":"object"}}}],` +
		`"additionalPrinterColumns":[{"name":"Mode","type":"string","JSONPath":".spec.mode","priority":1}],"selectableFields":[{"jsonPath":".spec.mode"}],` +
		`"conversion":{"strategy":"Webhook","webhookClientConfig":{"url":"https://localhost/x","caBundle":"aGVsbG8="},"conversionReviewVersions":["v1"]},"preserveUnknownFields":false},` +
		`"status":{"conditions":[{"type":"Established","status":"True","lastTransitionTime":"2026-01-02T03:04:05Z","reason":"r","message":"m"}],` +
		`"acceptedNames":{"plural":"ts","kind":"T"},"storedVersions":["v1"]}}` + "\n")
}

// TestReadStored: what is read of a definition is what encoding/json reads of it.
func TestReadStored(t *testing.T) {
	stored := storedDefinition()
	for _, into := range []func() any{func() any { return new(document) }, func() any { return new(schemas) }} {
		got, want := into(), into()
		if err := json.Unmarshal(stored, want); err != nil {
			t.Fatal(err)
		}
		if err := object.ReadStored(stored, got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("read %+v, want %+v, %v", got, want, err)
		}
	}
}

func BenchmarkReadStored(b *testing.B) {
	stored := storedDefinition()
	b.ReportAllocs()
	for b.Loop() {
		if err := object.ReadStored(stored, &document{}); err != nil {
			b.Fatal(err)
		}
	}
}
