package crd

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pintle-io/pintle/internal/object"
)

const testUID = "11111111-2222-3333-4444-555555555555"

// conversionCase is a conversion by a webhook that answers as it is told, and what the reference made of it:
// reference/conversion_test.go recorded it.
type conversionCase struct {
	Name    string            `json:"name"`
	Reviews []string          `json:"reviews"`
	Objects []json.RawMessage `json:"objects"`
	To      string            `json:"to"`
	Code    int               `json:"code"`
	Header  map[string]string `json:"header"`
	Body    string            `json:"body"`

	Asked  string            `json:"asked"`
	Result []json.RawMessage `json:"result"`
	Error  string            `json:"error"`
}

// differs are the cases in which pintle answers otherwise: of many objects at once the reference's converter tells the
// index, but nothing in it converts many at once that were not of the same version before; see accept.
var differs = map[string]string{
	"two, one from nowhere":              "request to convert CR from an invalid group/version: example.com/v9",
	"two, in the wrong order":            "conversion webhook for example.com/v1, Kind=Thing returned invalid object: must have the same name: a != b",
	"two, the second of the old version": "conversion webhook for example.com/v1, Kind=Thing returned invalid object at index 0: invalid groupVersion (expected example.com/v2, received example.com/v1)",
	"two, the second of another kind":    "conversion webhook for example.com/v1, Kind=Thing returned invalid object at index 0: invalid kind (expected Thing, received Other)",
	"two, the second is null":            "unexpected end of JSON input",
	"two, the second without metadata":   "conversion webhook for example.com/v1, Kind=Thing returned invalid object: must have the same name: b != ",
	"two, the second has bad labels":     "conversion webhook for example.com/v1, Kind=Thing returned invalid metadata: metadata.labels[a] must be a string, but is int64 in converted object",
}

func TestConversionsLikeTheReference(t *testing.T) {
	data, err := os.ReadFile("testdata/conversion.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []conversionCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			asked, host, result, err := c.run(t)
			if asked != c.Asked {
				t.Errorf("the webhook was asked\n%s\nnot\n%s", asked, c.Asked)
			}
			got := ""
			if err != nil {
				got = strings.ReplaceAll(strings.ReplaceAll(err.Error(), host, "${host}"), testUID, "${uid}")
			}
			if want, ok := differs[c.Name]; ok {
				c.Error = want
			}
			if got != c.Error {
				t.Errorf("got  %s\nwant %s", got, c.Error)
			}
			if len(result) != len(c.Result) {
				t.Fatalf("got %d objects, want %d", len(result), len(c.Result))
			}
			for i, o := range result {
				var want map[string]any
				_ = json.Unmarshal(c.Result[i], &want)
				u := o.(*unstructured.Unstructured)
				u.SetResourceVersion("") // the reference sets it later
				b, _ := json.Marshal(u.Object)
				var have map[string]any
				_ = json.Unmarshal(b, &have)
				if !reflect.DeepEqual(have, want) {
					t.Errorf("object %d: got %s", i, b)
				}
			}
		})
	}
}

func (c *conversionCase) run(t *testing.T) (asked, host string, result []object.Object, err error) {
	hook := newHook(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = r.Method + " " + r.URL.String()
		for _, name := range []string{"Accept", "Content-Type", "User-Agent"} {
			asked += "\n" + name + ": " + r.Header.Get(name)
		}
		asked += "\n\n" + strings.ReplaceAll(string(body), testUID, "${uid}")
		for k, v := range c.Header {
			w.Header().Set(k, v)
		}
		if c.Header["Content-Type"] == "" {
			w.Header()["Content-Type"] = nil
		}
		w.WriteHeader(c.Code)
		_, _ = io.WriteString(w, strings.ReplaceAll(c.Body, "${uid}", testUID))
	})
	conv, err := newConverter(hookCRD(hook, c.Reviews...), newWebhooks(nil, func() types.UID { return testUID }))
	if err != nil {
		t.Fatal(err)
	}
	defer conv.Close()
	var objs []object.Object
	for _, raw := range c.Objects {
		u := &unstructured.Unstructured{}
		if err := json.Unmarshal(raw, u); err != nil {
			t.Fatal(err)
		}
		objs = append(objs, u)
	}
	result, err = conv.Convert(t.Context(), objs, c.To)
	return asked, strings.TrimPrefix(hook.URL, "https://"), result, err
}

func newHook(t testing.TB, serve http.HandlerFunc) *httptest.Server {
	t.Helper()
	hook := httptest.NewUnstartedServer(serve)
	hook.Config.ErrorLog = log.New(io.Discard, "", 0)
	hook.StartTLS()
	t.Cleanup(hook.Close)
	return hook
}

func hookCRD(hook *httptest.Server, reviews ...string) *v1.CustomResourceDefinition {
	address := hook.URL + "/convert/"
	crd := &v1.CustomResourceDefinition{Spec: v1.CustomResourceDefinitionSpec{Group: "example.com",
		Versions: []v1.CustomResourceDefinitionVersion{{Name: "v1"}, {Name: "v2"}},
		Conversion: &v1.CustomResourceConversion{Strategy: v1.WebhookConverter, Webhook: &v1.WebhookConversion{
			ClientConfig:             &v1.WebhookClientConfig{URL: &address, CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hook.Certificate().Raw})},
			ConversionReviewVersions: reviews,
		}},
	}}
	crd.Name = "things.example.com"
	return crd
}

// echo answers as a webhook that changes nothing but the version.
func echo(w http.ResponseWriter, r *http.Request) {
	var in v1.ConversionReview
	_ = json.NewDecoder(r.Body).Decode(&in)
	in.Response = &v1.ConversionResponse{UID: in.Request.UID}
	in.Response.Result.Status = "Success"
	for _, o := range in.Request.Objects {
		o.Raw = []byte(strings.Replace(string(o.Raw), `"example.com/v1"`, `"`+in.Request.DesiredAPIVersion+`"`, 1))
		in.Response.ConvertedObjects = append(in.Response.ConvertedObjects, o)
	}
	in.Request = nil
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(in)
}

func things(n int) []object.Object {
	var out []object.Object
	for i := range n {
		out = append(out, &unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.com/v1", "kind": "Thing",
			"metadata": map[string]any{"name": fmt.Sprint("thing-", i), "namespace": "ns", "uid": fmt.Sprint(i), "resourceVersion": "7", "generation": int64(1)},
			"spec":     map[string]any{"a": "b"}}})
	}
	return out
}

func TestConvertNone(t *testing.T) {
	crd := &v1.CustomResourceDefinition{Spec: v1.CustomResourceDefinitionSpec{Group: "example.com",
		Versions: []v1.CustomResourceDefinitionVersion{{Name: "v1"}, {Name: "v2"}}}}
	for _, conversion := range []*v1.CustomResourceConversion{nil, {Strategy: v1.NoneConverter}} {
		crd.Spec.Conversion = conversion
		c, err := newConverter(crd, newWebhooks(nil, nil))
		if err != nil || c.remote() {
			t.Fatalf("got %v", err)
		}
		out, err := c.Convert(t.Context(), things(2), "example.com/v2")
		want := things(2)
		for _, o := range want {
			o.(*unstructured.Unstructured).SetAPIVersion("example.com/v2")
		}
		if err != nil || !reflect.DeepEqual(out, want) {
			t.Errorf("got %v, %v", out, err)
		}
		c.Close()
	}
	crd.Spec.Conversion = &v1.CustomResourceConversion{Strategy: "Magic"}
	if _, err := newConverter(crd, newWebhooks(nil, nil)); err == nil || !strings.Contains(err.Error(), `unknown conversion strategy "Magic"`) {
		t.Errorf("got %v", err)
	}
}

// A batch is one request, and the metadata of its objects stays as it is.
func TestConvertMany(t *testing.T) {
	var calls atomic.Int32
	hook := newHook(t, func(w http.ResponseWriter, r *http.Request) { calls.Add(1); echo(w, r) })
	all := newWebhooks(nil, func() types.UID { return testUID })
	c, err := newConverter(hookCRD(hook, "v1"), all)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		out, err := c.Convert(t.Context(), things(300), "example.com/v2")
		want := things(300)
		for _, o := range want {
			o.(*unstructured.Unstructured).SetAPIVersion("example.com/v2")
		}
		if err != nil || !reflect.DeepEqual(out, want) {
			t.Fatalf("got %v", err)
		}
	}
	if calls.Load() != 2 {
		t.Errorf("%d calls", calls.Load())
	}
	c.Close()
	if len(all.known) != 0 {
		t.Error("the webhook is still known")
	}
}

// Definitions with the same webhook share its connections, also across a change of the definition.
func TestWebhooksAreShared(t *testing.T) {
	var fresh atomic.Int32
	hook := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	hook.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context { fresh.Add(1); return ctx }
	hook.StartTLS()
	defer hook.Close()
	all := newWebhooks(nil, func() types.UID { return testUID })
	convert := func(c *converter) {
		t.Helper()
		if _, err := c.Convert(t.Context(), things(1), "example.com/v2"); err != nil {
			t.Fatal(err)
		}
	}
	a, _ := newConverter(hookCRD(hook, "v1"), all)
	b, _ := newConverter(hookCRD(hook, "v1"), all)
	convert(a)
	a.Close()
	convert(b)
	c, _ := newConverter(hookCRD(hook, "v1"), all)
	b.Close()
	convert(c)
	if fresh.Load() != 1 {
		t.Errorf("%d connections", fresh.Load())
	}
	c.Close()
	d, _ := newConverter(hookCRD(hook, "v1"), all)
	convert(d)
	if fresh.Load() != 2 {
		t.Errorf("%d connections after all were closed", fresh.Load())
	}
	d.Close()
}

type resolver struct {
	to  string
	err error
}

func (r resolver) Resolve(_ context.Context, namespace, name string, port int32) (*url.URL, error) {
	if namespace != "ns" || name != "hooks" || port != 8443 {
		return nil, fmt.Errorf("asked for %s/%s:%d", namespace, name, port)
	}
	return &url.URL{Scheme: "https", Host: r.to}, r.err
}

func TestConvertByService(t *testing.T) {
	var seen string
	hook := newHook(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Host + r.URL.Path + " " + r.TLS.ServerName
		echo(w, r)
	})
	crd := hookCRD(hook, "v1")
	port, at := int32(8443), "/a/b"
	crd.Spec.Conversion.Webhook.ClientConfig.URL = nil
	crd.Spec.Conversion.Webhook.ClientConfig.Service = &v1.ServiceReference{Namespace: "ns", Name: "hooks", Port: &port, Path: &at}
	for _, tc := range []struct {
		resolver resolver
		want     string
	}{
		// The test's certificate is of other names: that it is refused shows which name was asked for.
		{resolver{to: strings.TrimPrefix(hook.URL, "https://")}, "certificate is valid for example.com, *.example.com, not hooks.ns.svc"},
		{resolver{err: errors.New(`service "hooks" not found`)}, `conversion webhook for example.com/v1, Kind=Thing failed: Post "https://hooks.ns.svc:8443/a/b?timeout=30s": service "hooks" not found`},
	} {
		c, err := newConverter(crd, newWebhooks(tc.resolver, func() types.UID { return testUID }))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Convert(t.Context(), things(1), "example.com/v2"); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v", err)
		}
		c.Close()
	}
	if seen != "" {
		t.Errorf("the webhook was asked: %s", seen)
	}
}

func TestConvertRetries(t *testing.T) {
	var calls atomic.Int32
	hook := newHook(t, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) < 3 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		echo(w, r)
	})
	c, _ := newConverter(hookCRD(hook, "v1"), newWebhooks(nil, func() types.UID { return testUID }))
	defer c.Close()
	if _, err := c.Convert(t.Context(), things(1), "example.com/v2"); err != nil || calls.Load() != 3 {
		t.Errorf("%d calls, %v", calls.Load(), err)
	}
}

func TestConvertFailures(t *testing.T) {
	hook := newHook(t, echo)
	hook.Close()
	c, _ := newConverter(hookCRD(hook, "v1"), newWebhooks(nil, func() types.UID { return testUID }))
	_, err := c.Convert(t.Context(), things(1), "example.com/v2")
	host := strings.TrimPrefix(hook.URL, "https://")
	want := fmt.Sprintf(`conversion webhook for example.com/v1, Kind=Thing failed: Post "https://%s/convert?timeout=30s": dial tcp %s: connect: connection refused`, host, host)
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	hook = newHook(t, echo)
	crd := hookCRD(hook, "v1")
	crd.Spec.Conversion.Webhook.ClientConfig.CABundle = []byte("nonsense")
	c, _ = newConverter(crd, newWebhooks(nil, func() types.UID { return testUID }))
	if _, err = c.Convert(t.Context(), things(1), "example.com/v2"); err == nil || !strings.HasSuffix(err.Error(), "unable to load root certificates: unable to parse bytes as PEM block") {
		t.Errorf("got %v", err)
	}
	c.Close()
	crd.Spec.Conversion.Webhook.ClientConfig.CABundle = []byte(" \n")
	c, _ = newConverter(crd, newWebhooks(nil, func() types.UID { return testUID }))
	if _, err = c.Convert(t.Context(), things(1), "example.com/v2"); err == nil || !strings.Contains(err.Error(), "x509: certificate signed by unknown authority") {
		t.Errorf("got %v", err)
	}
	c.Close()
}

func BenchmarkConvertNone(b *testing.B) {
	crd := &v1.CustomResourceDefinition{Spec: v1.CustomResourceDefinitionSpec{Group: "example.com",
		Versions: []v1.CustomResourceDefinitionVersion{{Name: "v1"}, {Name: "v2"}}}}
	c, err := newConverter(crd, newWebhooks(nil, nil))
	if err != nil {
		b.Fatal(err)
	}
	objs := things(1)
	to := [2]string{"example.com/v1", "example.com/v2"}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		if _, err := c.Convert(b.Context(), objs, to[i&1]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkConvertByWebhook(b *testing.B) {
	hook := newHook(b, echo)
	c, err := newConverter(hookCRD(hook, "v1"), newWebhooks(nil, func() types.UID { return testUID }))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for _, n := range []int{1, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Convert(b.Context(), things(n), "example.com/v2"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
