package reference

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
)

// paintHook is a conversion webhook: what v1 calls spec.color is spec.paint.color in v2. Its paths are its moods.
func paintHook(t *testing.T) *httptest.Server {
	hook := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review apiextensionsv1.ConversionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer := &apiextensionsv1.ConversionResponse{UID: review.Request.UID}
		switch r.URL.Path {
		case "/fails":
			answer.Result.Status, answer.Result.Message = "Failure", "the paint is dry"
		case "/breaks":
			http.Error(w, "no paint", http.StatusInternalServerError)
			return
		default:
			answer.Result.Status = "Success"
			for _, o := range review.Request.Objects {
				o.Raw = paint(o.Raw, review.Request.DesiredAPIVersion, r.URL.Path == "/renames")
				answer.ConvertedObjects = append(answer.ConvertedObjects, o)
			}
		}
		review.Request, review.Response = nil, answer
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(review)
	}))
	hook.Config.ErrorLog = log.New(io.Discard, "", 0)
	hook.StartTLS()
	t.Cleanup(hook.Close)
	return hook
}

func paint(data []byte, to string, rename bool) []byte {
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(data); err != nil {
		return data
	}
	if strings.HasSuffix(to, "/v2") {
		if color, ok, _ := unstructured.NestedString(u.Object, "spec", "color"); ok {
			unstructured.RemoveNestedField(u.Object, "spec", "color")
			_ = unstructured.SetNestedField(u.Object, color, "spec", "paint", "color")
		}
	} else if color, ok, _ := unstructured.NestedString(u.Object, "spec", "paint", "color"); ok {
		unstructured.RemoveNestedField(u.Object, "spec", "paint")
		_ = unstructured.SetNestedField(u.Object, color, "spec", "color")
	}
	u.SetAPIVersion(to)
	if rename {
		u.SetName("renamed")
	}
	data, _ = u.MarshalJSON()
	return data
}

// doorCRD is a kind of two versions, with all that a version may have, which the webhook converts in one of its moods.
func doorCRD(plural string, hook *httptest.Server, mood string) string {
	ca, _ := json.Marshal(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw}))
	version := func(name, color, property string) string {
		return fmt.Sprintf(`{"name":%q,"served":true,"storage":%v,
"subresources":{"status":{},"scale":{"specReplicasPath":".spec.size","statusReplicasPath":".status.size","labelSelectorPath":".status.selector"}},
"additionalPrinterColumns":[{"name":"Color","type":"string","jsonPath":%q},{"name":"Size","type":"integer","jsonPath":".spec.size","priority":1,"format":"int32","description":"how wide"},
{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"},{"name":"Built","type":"date","jsonPath":".spec.built"},{"name":"Broken","type":"string","jsonPath":".spec["}],
"selectableFields":[{"jsonPath":%q}],
"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{%s,"size":{"type":"integer"},"built":{"type":"string"}}},
"status":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}}}`, name, name == "v1", color, color, property)
	}
	kind := strings.ToUpper(plural[:1]) + plural[1:len(plural)-1]
	return fmt.Sprintf(`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"%s.example.com"},
"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":%q,"kind":%q},"versions":[%s,%s],
"conversion":{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1"],"clientConfig":{"url":%q,"caBundle":%s}}}}}`,
		plural, plural, kind, version("v1", ".spec.color", `"color":{"type":"string"}`),
		version("v2", ".spec.paint.color", `"paint":{"type":"object","properties":{"color":{"type":"string"}}}`), hook.URL+mood, ca)
}

// asked is one request and what came of it.
type asked struct{ request, answer string }

// teller asks a server and writes down what it answers.
type teller struct {
	t      *testing.T
	name   string
	base   string
	client *http.Client
	clean  *strings.Replacer
	said   []asked
}

const (
	asTable = "application/json;as=Table;g=meta.k8s.io;v=v1"
	asMeta  = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
	asMetas = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
)

var volatile = []*regexp.Regexp{
	regexp.MustCompile(`"(uid|resourceVersion|creationTimestamp|time|lastTransitionTime|continue)":"[^"]*"`),
	regexp.MustCompile(`(creationTimestamp|time|resourceVersion|uid|lastTransitionTime): .*`),
	regexp.MustCompile(`"()\d+s"`),
	regexp.MustCompile(`UID in (precondition|object meta): [-0-9a-f]+`),
}

// do asks, and returns the answer as it came.
func (s *teller) do(method, path, contentType, accept, body string) (int, string) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if contentType == "" {
		contentType = "application/json"
	}
	req.Header.Set("Content-Type", contentType)
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	var b bytes.Buffer
	if err := json.Compact(&b, data); err != nil {
		return resp.StatusCode, string(data)
	}
	return resp.StatusCode, b.String()
}

// tell asks and writes down.
func (s *teller) tell(method, path, contentType, accept, body string) string {
	code, answer := s.do(method, path, contentType, accept, body)
	clean := s.clean.Replace(answer)
	for _, v := range volatile {
		clean = v.ReplaceAllString(clean, `$1:~`)
	}
	s.said = append(s.said, asked{fmt.Sprintf("%s %s %s %s %s", method, path, contentType, accept, body), fmt.Sprintf("%d %s", code, clean)})
	return answer
}

// define creates a definition and waits until it is established: only that, so that the requests after it show whether
// that is enough (the reference takes a little longer).
func (s *teller) define(plural string, hook *httptest.Server, mood string) {
	const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	if code, answer := s.do("POST", crds, "", "", doorCRD(plural, hook, mood)); code != http.StatusCreated {
		s.t.Errorf("%s: %s", s.name, answer)
		return
	}
	ready := func() bool {
		_, answer := s.do("GET", crds+"/"+plural+".example.com", "", "", "")
		if !strings.Contains(answer, `"message":"the initial names have been accepted"`) {
			return false
		}
		code, _ := s.do("GET", "/apis/example.com/v2/"+plural, "", "", "")
		return code != http.StatusNotFound || s.name == "pintle"
	}
	for end := time.Now().Add(30 * time.Second); !ready(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Errorf("%s: %s is not established", s.name, plural)
			return
		}
	}
}

// doors is what is asked of a kind that a webhook converts.
func (s *teller) doors(hook *httptest.Server) {
	s.define("doors", hook, "/converts")
	v1, v2 := "/apis/example.com/v1/namespaces/default/doors", "/apis/example.com/v2/namespaces/default/doors"
	door := func(version, name, spec string) string {
		return fmt.Sprintf(`{"apiVersion":"example.com/%s","kind":"Door","metadata":{"name":%q},"spec":%s}`, version, name, spec)
	}
	s.tell("POST", v1, "", "", door("v1", "a", `{"color":"red","size":3,"built":"2020-01-01T00:00:00Z","unknown":1}`))
	s.tell("POST", v2+"?fieldManager=me", "", "", door("v2", "b", `{"paint":{"color":"blue"},"built":"nonsense"}`))
	s.tell("POST", v1, "", "", door("v1", "c", `{}`))
	for _, v := range []string{v1, v2} {
		for _, accept := range []string{"", asTable, asMeta, "application/yaml"} {
			s.tell("GET", v+"/a", "", accept, "")
		}
		s.tell("GET", v, "", "", "")
		s.tell("GET", v, "", asTable, "")
		s.tell("GET", v+"?includeObject=None", "", asTable, "")
		for _, selector := range []string{"spec.color=red", "spec.paint.color=blue", "spec.color!=red", "spec.size=3", "metadata.name=a", "metadata.namespace=default", "spec.paint.color="} {
			s.tell("GET", v+"?fieldSelector="+strings.ReplaceAll(selector, "=", "%3D"), "", asMetas, "")
		}
	}
	merge, apply := "application/merge-patch+json", "application/apply-patch+yaml"
	s.tell("PATCH", v2+"/a?fieldManager=m", merge, "", `{"spec":{"paint":{"color":"green"}}}`)
	s.tell("PATCH", v1+"/a?fieldManager=n", merge, "", `{"spec":{"size":4}}`)
	s.tell("PATCH", v2+"/a?fieldManager=applier&force=true", apply, "", door("v2", "a", `{"paint":{"color":"white"}}`))
	s.tell("PATCH", v1+"/a?fieldManager=applier", apply, "", door("v1", "a", `{"color":"black"}`))
	s.tell("PATCH", v1+"/a?fieldManager=other", apply, "", door("v1", "a", `{"color":"grey"}`))
	s.tell("PATCH", v2+"/a/status?fieldManager=s", merge, "", `{"status":{"size":2,"selector":"a=b","conditions":[{"type":"Ready","status":"True"}]}}`)
	s.tell("GET", v1, "", asTable, "")
	s.tell("PATCH", v2+"/a", "application/strategic-merge-patch+json", "", `{}`)
	s.scales(v1, merge, apply)
	s.tell("DELETE", v2+"/b", "", "", "")
	s.tell("DELETE", v2, "", "", "")
}

// scales is what is asked of the scale of doors.
func (s *teller) scales(doors, merge, apply string) {
	scale := func(name, spec string) string {
		return fmt.Sprintf(`{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":%q,"namespace":"default"%s}`, name, spec)
	}
	s.tell("GET", doors+"/a/scale", "", "", "")
	s.tell("GET", doors+"/a/scale", "", asTable, "")
	s.tell("GET", doors+"/c/scale", "", "", "")
	s.tell("GET", doors+"/c/scale", "", asTable, "")
	s.tell("PUT", doors+"/a/scale?fieldManager=scaler", "", "", scale("a", `},"spec":{"replicas":7}`))
	s.tell("PUT", doors+"/a/scale", "", "", scale("a", `},"spec":{"replicas":-1}`))
	s.tell("PUT", doors+"/a/scale", "", "", scale("a", `,"resourceVersion":"1"},"spec":{"replicas":1}`))
	s.tell("PUT", doors+"/a/scale", "", "", scale("a", `,"uid":"11111111-1111-1111-1111-111111111111"},"spec":{"replicas":1}`))
	s.tell("PUT", doors+"/a/scale", "", "", scale("b", `},"spec":{"replicas":1}`))
	s.tell("PUT", doors+"/a/scale", "", "", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}`)
	s.tell("PUT", doors+"/none/scale", "", "", scale("none", `},"spec":{"replicas":1}`))
	s.tell("PUT", doors+"/a/scale?dryRun=All", "", "", scale("a", `},"spec":{"replicas":9}`))
	s.tell("PATCH", doors+"/a/scale?fieldManager=patcher", merge, "", `{"spec":{"replicas":8}}`)
	s.tell("PATCH", doors+"/a/scale", merge, "", `{"spec":{"replicas":-8}}`)
	s.tell("PATCH", doors+"/a/scale?fieldManager=another", apply, "", scale("a", `},"spec":{"replicas":6}`))
	s.tell("PATCH", doors+"/a/scale?dryRun=All&fieldManager=applier&force=true", apply, "", scale("a", `},"spec":{"replicas":5}`))
	s.tell("PATCH", doors+"/a/scale", merge, "", `{"spec":null}`)
	s.tell("PATCH", doors+"/a/scale?dryRun=All&fieldManager=nobody", apply, "", scale("a", `},"spec":{"replicas":5}`))
	s.tell("PATCH", doors+"/a/scale", "application/strategic-merge-patch+json", "", `{"spec":{"replicas":4}}`)
	s.tell("PATCH", doors+"/c/scale", merge, "", `{"metadata":{"labels":{"a":"b"}}}`)
	s.tell("PATCH", doors+"/c/scale?fieldManager=first", merge, "", `{"spec":{"replicas":2}}`)
	s.tell("GET", doors+"/c", "", "", "")
	s.tell("GET", doors+"/a", "", "", "")
	s.tell("DELETE", doors+"/a/scale", "", "", "")
}

// failing is what is asked of a kind whose webhook is in a bad mood.
func (s *teller) failing(plural string) {
	v1, v2 := "/apis/example.com/v1/namespaces/default/"+plural, "/apis/example.com/v2/namespaces/default/"+plural
	kind := strings.ToUpper(plural[:1]) + plural[1:len(plural)-1]
	object := func(version, name string) string {
		return fmt.Sprintf(`{"apiVersion":"example.com/%s","kind":%q,"metadata":{"name":%q},"spec":{"size":1}}`, version, kind, name)
	}
	s.tell("POST", v1, "", "", object("v1", "a"))
	s.tell("GET", v2+"/a", "", "", "")
	s.tell("GET", v2, "", "", "")
	s.tell("GET", v2, "", asTable, "")
	s.tell("POST", v2, "", "", object("v2", "b"))
	s.tell("POST", v2+"?dryRun=All", "", "", object("v2", "b"))
	s.tell("PATCH", v2+"/a", "application/merge-patch+json", "", `{"spec":{"size":2}}`)
	s.tell("PUT", v2+"/a", "", "", object("v2", "a"))
	s.tell("PATCH", v2+"/a?fieldManager=x", "application/apply-patch+yaml", "", object("v2", "a"))
	s.tell("GET", v2+"/a/scale", "", "", "")
	s.tell("DELETE", v2+"/a", "", "", "")
	s.tell("DELETE", v2, "", "", "")
	s.tell("GET", v1, "", asMetas, "")
	s.tell("DELETE", v1+"/a", "", "", "")
}

// TestConversionWebhooks asks the reference and pintle the same about kinds that a webhook converts, and compares.
func TestConversionWebhooks(t *testing.T) {
	if testing.Short() {
		t.Skip("runs kube-apiserver")
	}
	hook := paintHook(t)
	down := paintHook(t)
	down.Close()
	var said [2][]asked
	var wg sync.WaitGroup
	for i, s := range tellers(t, strings.TrimPrefix(hook.URL, "https://"), strings.TrimPrefix(down.URL, "https://")) {
		wg.Go(func() {
			s.doors(hook)
			for _, mood := range []struct {
				plural, path string
				hook         *httptest.Server
			}{{"fails", "/fails", hook}, {"breaks", "/breaks", hook}, {"renames", "/renames", hook}, {"downs", "/converts", down}} {
				s.define(mood.plural, mood.hook, mood.path)
				s.failing(mood.plural)
			}
			said[i] = s.said
		})
	}
	wg.Wait()
	compareAsked(t, said)
}

// tellers are the reference and pintle.
func tellers(t *testing.T, hook, down string) [2]*teller {
	sides := kubectlSides(t)
	var out [2]*teller
	for i, s := range sides {
		cfg := &rest.Config{Host: s.config.Clusters["test"].Server, TLSClientConfig: rest.TLSClientConfig{CAData: s.config.Clusters["test"].CertificateAuthorityData,
			CertData: s.config.AuthInfos["test"].ClientCertificateData, KeyData: s.config.AuthInfos["test"].ClientKeyData}}
		client, err := rest.HTTPClientFor(cfg)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = &teller{t: t, name: s.name, base: cfg.Host, client: client, clean: strings.NewReplacer(hook, "HOOK", down, "DOWN")}
	}
	return out
}

const scaleApply = "the reference can apply no scale of a custom resource, except in conflict: it takes the custom resource's converter for one of scales"

// otherwise is where pintle answers otherwise, and why.
var otherwise = map[string]string{
	"PATCH /apis/example.com/v1/namespaces/default/doors/a/scale?dryRun=All&fieldManager=applier&force=true application/apply-patch+yaml": scaleApply,
	"PATCH /apis/example.com/v1/namespaces/default/doors/a/scale?dryRun=All&fieldManager=nobody application/apply-patch+yaml":             scaleApply,
}

func compareAsked(t *testing.T, said [2][]asked) {
	if len(said[0]) != len(said[1]) {
		t.Fatalf("%d answers by the reference, %d by pintle", len(said[0]), len(said[1]))
	}
	differ := 0
	for i, want := range said[0] {
		got := said[1][i]
		// CBOR is always served here, and named where media types are listed.
		got.answer = strings.ReplaceAll(got.answer, ", application/apply-patch+cbor", "")
		if want.answer == got.answer {
			continue
		}
		if slices.ContainsFunc(slices.Collect(maps.Keys(otherwise)), func(r string) bool { return strings.HasPrefix(want.request, r+" ") }) {
			continue
		}
		differ++
		t.Errorf("%s\nreference: %s\npintle:    %s", want.request, want.answer, got.answer)
	}
	t.Logf("%d requests, %d answers differ", len(said[0]), differ)
}
