package rest_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/pintle-io/pintle/internal/rest"
)

const cms = "/api/v1/namespaces/default/configmaps"

const (
	aMeta = `"metadata":{"name":"a","namespace":"default","uid":"00000000-0000-4000-8000-000000000002","resourceVersion":"3","creationTimestamp":"2023-11-14T22:13:20Z",` +
		`"managedFields":[{"manager":"test","operation":"Update","apiVersion":"v1","time":"2023-11-14T22:13:20Z","fieldsType":"FieldsV1","fieldsV1":{"f:data":{".":{},"f:x":{}}}}]}`
	aJSON = `{"kind":"ConfigMap","apiVersion":"v1",` + aMeta + `,"data":{"x":"1"}}` + "\n"
	aPart = `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",` + aMeta + `}` + "\n"
)

func newA(t testing.TB) *rig {
	r := newRig(t, func(c *rest.Config) { c.Now = clock })
	r.expect("POST "+cms, `{"metadata":{"name":"a"},"data":{"x":"1"}}`, 201, jsonType, aJSON)
	return r
}

const (
	mediaTypes = "application/json, application/yaml, application/vnd.kubernetes.protobuf, application/cbor"
	streams    = "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch, application/cbor-seq"
	tableV1    = "application/json;as=Table;v=v1;g=meta.k8s.io"
	partialV1  = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
	partialsV1 = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
)

// pretty is a compact answer as it is shown to people.
func pretty(t testing.TB, compact string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(strings.TrimSuffix(compact, "\n")), "", "  "); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The answers were asked of kube-apiserver 1.36.3, but for CBOR's.
func TestAccept(t *testing.T) {
	r := newA(t)
	noRoute := func(list string) string {
		return status(406, "NotAcceptable", "406: Not Acceptable\n\nAvailable representations: "+list, "{}")
	}
	only := pretty(t, status(406, "NotAcceptable", "only the following media types are accepted: "+mediaTypes, ""))
	for _, c := range []struct {
		what, accept string
		code         int
		typ, body    string
	}{
		{cms + "/a", "", 200, jsonType, aJSON},
		{cms + "/a", "text/plain", 406, jsonType, pretty(t, noRoute(mediaTypes))},
		{cms + "/a", "application/*", 406, jsonType, noRoute(mediaTypes)},
		{cms, "text/plain", 406, jsonType, pretty(t, noRoute(mediaTypes+", "+streams))},
		{cms + "?watch=1", "text/plain", 406, jsonType, pretty(t, noRoute(mediaTypes+", "+streams))},
		{"DELETE " + cms, "text/plain", 406, jsonType, pretty(t, noRoute(mediaTypes))},
		{"/api/v1/namespaces/default/pods/x/log", "foo/bar", 406, jsonType, pretty(t, noRoute("text/plain, "+mediaTypes))},
		{cms + "/a", "foo/bar, application/json;q=0.1", 200, jsonType, aJSON},
		{cms + "/a", "application/json;as=Bar;v=v1;g=meta.k8s.io", 406, jsonType, only},
		{cms + "/a", "application/json;as=Table;v=v2;g=meta.k8s.io", 406, jsonType, only},
		{cms + "/a", "application/json;stream=foo", 406, jsonType, only},
		{cms + "/a", "application/json;stream=watch", 200, jsonType, aJSON},
		{cms + "/a", "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io", 406, jsonType, only},
		{cms + "/a", "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json", 200, jsonType, aJSON},
		{cms + "/a", partialV1, 200, jsonType, aPart},
		{cms + "/a", partialsV1, 406, jsonType, pretty(t, status(406, "NotAcceptable", "you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)", ""))},
		{cms, partialV1, 406, jsonType, pretty(t, status(406, "NotAcceptable", "you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)", ""))},
		{cms, strings.Replace(partialsV1, "v1", "v1beta1", 1), 200, jsonType, `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1beta1","metadata":{"resourceVersion":"3"},"items":[` +
			strings.TrimSuffix(strings.Replace(aPart, "meta.k8s.io/v1", "meta.k8s.io/v1beta1", 1), "\n") + "]}\n"},
		{cms, "", 200, jsonType, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"3"},"items":[{` + aMeta + `,"data":{"x":"1"}}]}` + "\n"},
		{cms + "?pretty=1", "", 200, jsonType, pretty(t, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"3"},"items":[{`+aMeta+`,"data":{"x":"1"}}]}`)},
		{cms + "/a", "application/json;pretty=1", 200, jsonType, pretty(t, aJSON)},
		{cms + "/a?pretty=true", "", 200, jsonType, pretty(t, aJSON)},
		{cms + "/a", "*/*;q=0", 200, jsonType, aJSON},
		{cms + "/a", "application/yaml", 200, "application/yaml", "apiVersion: v1\ndata:\n  x: \"1\"\nkind: ConfigMap\nmetadata:\n…"},
		{cms + "/nope", "application/yaml", 404, "application/yaml", "apiVersion: v1\ncode: 404\ndetails:\n  kind: configmaps\n  name: nope\nkind: Status\nmessage: configmaps \"nope\" not found\nmetadata: {}\nreason: NotFound\nstatus: Failure\n"},
		{cms + "/nope", tableV1, 404, jsonType, pretty(t, status(404, "NotFound", `configmaps "nope" not found`, `{"name":"nope","kind":"configmaps"}`))},
		{"/api/v1/nopes", "foo/bar", 404, jsonType, pretty(t, notFound)},
		{"POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews", tableV1, 406, jsonType, only},
		{cms + "/a", "application/cbor", 200, "application/cbor", "\xd9\xd9\xf7…"},
		{cms + "/a", "application/vnd.kubernetes.protobuf", 200, "application/vnd.kubernetes.protobuf", "k8s\x00…"},
		{cms + "?watch=1&timeoutSeconds=1", "application/yaml", 406, "application/yaml",
			"apiVersion: v1\ncode: 406\nkind: Status\nmessage: 'only the following media types are accepted: application/json;stream=watch,\n  application/vnd.kubernetes.protobuf;stream=watch, application/cbor-seq'\nmetadata: {}\nreason: NotAcceptable\nstatus: Failure\n"},
	} {
		r.expect(c.what, "", c.code, c.typ, c.body, "Accept", c.accept)
	}
	for _, agent := range []string{"curl/8", "Wget/1", "Mozilla/5.0 (X11)"} {
		r.expect(cms+"/a", "", 200, jsonType, pretty(t, aJSON), "User-Agent", agent)
		r.expect(cms+"/a?pretty=0", "", 200, jsonType, aJSON, "User-Agent", agent)
	}
	r.expect(cms+"/a", "", 200, jsonType, aJSON, "User-Agent", "kubectl/1")
}

func TestContentType(t *testing.T) {
	r := newA(t)
	unknown := status(415, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media types include: "+mediaTypes, "")
	router := status(415, "UnsupportedMediaType", "415: Unsupported Media Type", "{}")
	noName := status(422, "Invalid", `ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required`,
		`{"kind":"ConfigMap","causes":[{"reason":"FieldValueRequired","message":"Required value: name or generateName is required","field":"metadata.name"}]}`)
	for _, c := range []struct {
		what, typ string
		code      int
		body      string
	}{
		{"POST " + cms, "text/plain", 415, unknown},
		{"POST " + cms, "application/json; charset=utf-8", 422, noName},
		{"POST " + cms, "", 422, noName},
		{"POST " + cms, "application/yaml", 422, noName},
		{"PUT " + cms + "/a", "text/plain", 415, unknown},
		{"DELETE " + cms + "/a", "text/plain", 415, unknown},
		{"PATCH " + cms + "/a", "text/plain", 415, router},
		{"PATCH " + cms + "/a", "application/json", 415, router},
		{"PATCH " + cms + "/a", "", 415, router},
		{"PATCH " + cms + "/a", "application/merge-patch+json; charset=utf-8", 200, aJSON},
	} {
		r.expect(c.what, "{}", c.code, jsonType, c.body, "Content-Type", c.typ)
	}
}

func TestGzip(t *testing.T) {
	r := newRig(t)
	big := strings.Repeat("x", 150<<10)
	r.must(201, "POST "+cms, `{"metadata":{"name":"big"},"data":{"x":"`+big+`"}}`)
	for _, url := range []string{cms + "/big", cms} {
		plain := r.must(200, url, "")
		w := r.must(200, url, "", "Accept-Encoding", "deflate, gzip")
		if h := w.Header(); h.Get("Content-Encoding") != "gzip" || h.Get("Vary") != "Accept-Encoding" || h.Get("Content-Length") != "" {
			t.Fatal(url, h)
		}
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(z); err != nil || string(got) != plain.Body.String() {
			t.Fatal(url, err, len(got), plain.Body.Len())
		}
	}
	if w := r.must(200, cms+"?limit=1&fieldSelector=metadata.name%3Dnope", "", "Accept-Encoding", "gzip"); w.Header().Get("Content-Encoding") != "" {
		t.Error("a short answer is compressed")
	}
}
