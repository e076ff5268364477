package pintle_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/pintle-io/pintle/pintletest"
)

// family is a metric as a server tells it.
type family struct {
	kind, stability string
	labels          []string
}

var (
	metricLine  = regexp.MustCompile(`^(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? [^ ]+$`)
	metricLabel = regexp.MustCompile(`(\w+)="`)
	stability   = regexp.MustCompile(`\[([A-Z]+)\]`)
)

func familiesOf(t *testing.T, text string) map[string]*family {
	t.Helper()
	out := map[string]*family{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		words := strings.SplitN(lines.Text(), " ", 4)
		switch {
		case words[1] == "HELP":
			f := &family{stability: "-"}
			if m := stability.FindStringSubmatch(words[3]); m != nil {
				f.stability = m[1]
			}
			out[words[2]] = f
		case words[1] == "TYPE":
			out[words[2]].kind = words[3]
		default:
			m := metricLine.FindStringSubmatch(lines.Text())
			if m == nil || out[m[1]] == nil {
				t.Fatalf("%q", lines.Text())
			}
			f := out[m[1]]
			f.labels = nil
			for _, l := range metricLabel.FindAllStringSubmatch(m[2], -1) {
				if l[1] != "le" {
					f.labels = append(f.labels, l[1])
				}
			}
		}
	}
	return out
}

// TestMetricsAreTheReferences: whatever bears a name of the reference's has its type, stability and labels.
func TestMetricsAreTheReferences(t *testing.T) {
	client := kubernetes.NewForConfigOrDie(pintletest.Start(t).Config).Discovery().RESTClient()
	ask := func(method, path, body string) string {
		req := client.Verb(method).RequestURI(path)
		if body != "" {
			req.SetHeader("Content-Type", "application/json").Body([]byte(body))
		}
		out, err := req.DoRaw(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return string(out)
	}
	ask("POST", "/api/v1/namespaces?fieldValidation=Strict", `{"metadata":{"name":"a"}}`)
	ask("GET", "/api/v1/namespaces/a", "")
	ask("GET", "/api/v1/namespaces", "")
	ask("GET", "/api/v1/namespaces/a/endpoints", "")
	ask("GET", "/healthz", "")
	ask("GET", "/api/v1/namespaces?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1", "")
	// Conversions by a webhook: one that is well, and one that is refused.
	ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", convertedDefinition(t))
	ask("POST", "/apis/example.com/v1/things", `{"apiVersion":"example.com/v1","kind":"Thing","metadata":{"name":"good"}}`)
	err := client.Post().RequestURI("/apis/example.com/v1/things").SetHeader("Content-Type", "application/json").
		Body([]byte(`{"apiVersion":"example.com/v1","kind":"Thing","metadata":{"name":"bad"}}`)).Do(t.Context()).Error()
	if err == nil || !strings.Contains(err.Error(), "bad things are refused") {
		t.Error(err)
	}
	text := ask("GET", "/metrics", "")
	for _, want := range []string{
		`apiserver_crd_conversion_webhook_duration_seconds_count{crd_name="things.example.com",from_version="v1",succeeded="false",to_version="v2"} 1`,
		`apiserver_crd_conversion_webhook_duration_seconds_bucket{crd_name="things.example.com",from_version="v1",succeeded="true",to_version="v2",le="16.384"} `,
		`apiserver_conversion_webhook_request_total{failure_type="conversion_webhook_malformed_response_failure",result="failure"} 1`,
		`apiserver_conversion_webhook_duration_seconds_bucket{failure_type="",result="success",le="0.01"} `,
	} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("no %s", want)
		}
	}
	got := familiesOf(t, text)
	want := map[string]family{}
	facts, err := os.ReadFile("internal/metric/testdata/reference.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(facts)) {
		if f := strings.Fields(line); f[0] != "#" {
			want[f[0]] = family{f[1], f[2], f[3:]}
		}
	}
	for name, f := range got {
		slices.Sort(f.labels)
		switch w, ok := want[name]; {
		case strings.HasPrefix(name, "pintle_"):
		case !ok:
			t.Errorf("the reference has no %s", name)
		case w.kind != f.kind || w.stability != f.stability || !slices.Equal(w.labels, f.labels):
			t.Errorf("%s is %v, the reference's %v", name, *f, w)
		}
	}
	if len(got) < 30 {
		t.Errorf("%d families:\n%s", len(got), text)
	}
}

// convertedDefinition is a definition of two versions whose webhook converts all but what is called bad.
func convertedDefinition(t *testing.T) string {
	hook := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review v1.ConversionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			t.Error(err)
		}
		answer := &v1.ConversionResponse{UID: review.Request.UID, Result: metav1.Status{Status: metav1.StatusSuccess}}
		for _, o := range review.Request.Objects {
			if bytes.Contains(o.Raw, []byte(`"name":"bad"`)) {
				answer.Result = metav1.Status{Status: metav1.StatusFailure, Message: "bad things are refused"}
			}
			for _, version := range []string{"example.com/v1", "example.com/v2"} {
				o.Raw = bytes.ReplaceAll(o.Raw, []byte(`"`+version+`"`), []byte(`"`+review.Request.DesiredAPIVersion+`"`))
			}
			answer.ConvertedObjects = append(answer.ConvertedObjects, o)
		}
		review.Request, review.Response = nil, answer
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(hook.Close)
	bundle := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw})
	schema := `"schema":{"openAPIV3Schema":{"type":"object"}}`
	return `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"things.example.com"},"spec":{"group":"example.com",
		"scope":"Cluster","names":{"plural":"things","kind":"Thing"},"versions":[{"name":"v1","served":true,"storage":false,` + schema + `},
		{"name":"v2","served":true,"storage":true,` + schema + `}],"conversion":{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1"],
		"clientConfig":{"url":"` + hook.URL + `","caBundle":"` + base64.StdEncoding.EncodeToString(bundle) + `"}}}}}`
}
