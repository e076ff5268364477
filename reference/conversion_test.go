package reference

import (
	"encoding/json"
	"encoding/pem"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/conversion"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/util/webhook"
)

var recordFacts = flag.Bool("record-facts", false, "write what the reference's packages answer into testdata of the tests that need it")

// conversionCase is a conversion by a webhook that answers as it is told, and what comes of it. internal/crd's tests
// read the same file.
type conversionCase struct {
	Name    string            `json:"name"`
	Reviews []string          `json:"reviews"`
	Objects []json.RawMessage `json:"objects"`
	To      string            `json:"to"`
	Code    int               `json:"code"`
	Header  map[string]string `json:"header"`
	Body    string            `json:"body"` // ${uid} is the request's

	Asked  string            `json:"asked,omitempty"` // the request as the webhook saw it
	Result []json.RawMessage `json:"result,omitempty"`
	Error  string            `json:"error,omitempty"`
}

const conversionFacts = "../internal/crd/testdata/conversion.json"

// TestConversionFacts converts with the reference's own converter and compares with what is recorded.
func TestConversionFacts(t *testing.T) {
	data, err := os.ReadFile(conversionFacts)
	if err != nil {
		t.Fatal(err)
	}
	var cases []conversionCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for i := range cases {
		c := &cases[i]
		was := *c
		c.Asked, c.Result, c.Error = "", nil, ""
		convertByReference(t, c)
		if *recordFacts {
			continue
		}
		want, _ := json.Marshal(was)
		if got, _ := json.Marshal(c); string(got) != string(want) {
			t.Errorf("%s: got\n%s\nrecorded\n%s", c.Name, got, want)
		}
	}
	if *recordFacts {
		out, err := json.MarshalIndent(cases, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(conversionFacts, append(out, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func convertByReference(t *testing.T, c *conversionCase) {
	uid := ""
	hook := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var review apiextensionsv1.ConversionReview
		_ = json.Unmarshal(body, &review)
		uid = string(review.Request.UID)
		head := r.Method + " " + r.URL.String()
		for _, name := range []string{"Accept", "Content-Type", "User-Agent"} {
			head += "\n" + name + ": " + r.Header.Get(name)
		}
		c.Asked = head + "\n\n" + strings.ReplaceAll(string(body), uid, "${uid}")
		w.Header()["Content-Type"] = nil
		for k, v := range c.Header {
			w.Header().Set(k, v)
		}
		if c.Header["Content-Type"] == "" {
			w.Header()["Content-Type"] = nil
		}
		w.WriteHeader(c.Code)
		_, _ = io.WriteString(w, strings.ReplaceAll(c.Body, "${uid}", uid))
	}))
	defer hook.Close()
	hook.Config.ErrorLog = nil
	factory, err := conversion.NewCRConverterFactory(webhook.NewDefaultServiceResolver(), nil)
	if err != nil {
		t.Fatal(err)
	}
	address := hook.URL + "/convert/"
	crd := &apiextensionsv1.CustomResourceDefinition{Spec: apiextensionsv1.CustomResourceDefinitionSpec{Group: "example.com",
		Scope:    apiextensionsv1.NamespaceScoped,
		Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v1"}, {Name: "v2"}},
		Conversion: &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.WebhookConverter, Webhook: &apiextensionsv1.WebhookConversion{
			ClientConfig: &apiextensionsv1.WebhookClientConfig{URL: &address,
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw})},
			ConversionReviewVersions: c.Reviews,
		}},
	}}
	crd.Name = "things.example.com"
	converter, _, err := factory.NewConverter(crd)
	if err != nil {
		t.Fatal(err)
	}
	gv, err := schema.ParseGroupVersion(c.To)
	if err != nil {
		t.Fatal(err)
	}
	var in runtime.Object
	list := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "example.com/v1", "kind": "Thing"}}
	for _, raw := range c.Objects {
		u := unstructured.Unstructured{}
		if err := json.Unmarshal(raw, &u); err != nil {
			t.Fatal(err)
		}
		u.SetResourceVersion("") // as it is where the reference converts
		list.Items = append(list.Items, u)
	}
	in = list
	if len(list.Items) == 1 {
		in = &list.Items[0]
	}
	out, err := converter.ConvertToVersion(in, gv)
	if err != nil {
		address, _ := url.Parse(hook.URL)
		c.Error = strings.ReplaceAll(strings.ReplaceAll(err.Error(), address.Host, "${host}"), uid, "${uid}")
		if uid == "" {
			c.Error = strings.ReplaceAll(err.Error(), address.Host, "${host}")
		}
		return
	}
	if l, ok := out.(*unstructured.UnstructuredList); ok {
		for i := range l.Items {
			c.add(t, &l.Items[i])
		}
		return
	}
	c.add(t, out.(*unstructured.Unstructured))
}

func (c *conversionCase) add(t *testing.T, u *unstructured.Unstructured) {
	b, err := json.Marshal(u.Object)
	if err != nil {
		t.Fatal(err)
	}
	c.Result = append(c.Result, b)
}
