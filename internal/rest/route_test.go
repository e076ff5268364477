package rest_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/rest"
)

// The answers were asked of kube-apiserver 1.36.3.
func TestRoutes(t *testing.T) {
	r := newRig(t)
	const page = "404 page not found\n"
	for _, c := range []struct {
		what string
		code int
		typ  string
		body string
	}{
		{"/nope", 404, plain, page},
		{"/api/v1/nopes", 404, jsonType, notFound},
		{"/api/v2/pods", 404, jsonType, notFound},
		{"/apis/foo/v1/x", 404, plain, page},
		{"/apis/foo/v1", 404, plain, page},
		{"/apis//v1/pods", 404, plain, page},
		{"/apis/apps/v9", 404, jsonType, notFound},
		{"/apis/apps/v9/deployments", 404, jsonType, notFound},
		{"POST /api/v1/namespaces/default/configmaps/x", 405, jsonType, notAllowed},
		{"PUT /api/v1/namespaces/default/configmaps", 405, jsonType, notAllowed},
		{"OPTIONS /api/v1/pods", 405, jsonType, notAllowed},
		{"FOO /api/v1/pods", 405, jsonType, notAllowed},
		{"HEAD /api/v1/namespaces/default", 405, jsonType, notAllowed},
		{"/api/v1/configmaps/x", 404, jsonType, notFound},
		{"POST /api/v1/configmaps", 405, jsonType, notAllowed},
		{"DELETE /api/v1/configmaps", 405, jsonType, notAllowed},
		{"/api/v1/bindings", 404, jsonType, notFound},
		{"/api/v1/namespaces/default/nodes", 404, jsonType, notFound},
		{"/api/v1/namespaces/default/nodes/x", 404, jsonType, notFound},
		{"/api/v1/namespaces/default/configmaps/a/status", 404, jsonType, notFound},
		{"/api/v1/namespaces/default/configmaps/a/status/b", 404, jsonType, notFound},
		{"/api/v1/namespaces/default/pods/a/log/b", 404, jsonType, notFound},
		{"/api/v1/namespaces/default//configmaps", 404, jsonType, notFound},
		{"/api/../api/v1/namespaces/h7", 404, jsonType, notFound},
		{"/api/v1/namespaces/h7/configmaps/a%2Fb", 404, jsonType, notFound},
		{"//api/v1/namespaces", 404, plain, page},
		{"/api/v1/proxy/foo", 404, jsonType, notFound},
		{"POST /api/v1/watch/configmaps", 405, jsonType, notAllowed},
		{"/apis/authentication.k8s.io/v1/tokenreviews", 405, jsonType, notAllowed},
		{"/apis/authentication.k8s.io/v1/tokenreviews/x", 404, jsonType, notFound},
		{"POST /apis/apps/v1/namespaces/default/deployments/x/scale", 405, jsonType, notAllowed},
		{"/api/v1/watch", 500, plain, `Internal Server Error: "/api/v1/watch": failed to create RequestInfo: unable to determine kind and namespace from url, /api/v1/watch` + "\n"},
		{"/healthz/foo", 404, plain, page},
		{"/healthz/", 404, plain, page},
		{"POST /healthz", 200, plain, "ok"},
		{"POST /version", 405, jsonType, notAllowed},
		{"/api/v1/namespaces/default/pods/x/log", 404, jsonType, status(404, "NotFound", `pods "x" not found`, `{"name":"x","kind":"pods"}`)},
		{"/api/v1/namespaces/default/pods/x/exec?dryRun=All", 400, jsonType, status(400, "BadRequest", "dryRun is not supported", "")},
		{"DELETE /api/v1/nodes/x/proxy", 404, jsonType, status(404, "NotFound", `nodes "x" not found`, `{"name":"x","kind":"nodes"}`)},
		{"/api/v1/nodes/x/proxy/foo/bar", 404, jsonType, status(404, "NotFound", `nodes "x" not found`, `{"name":"x","kind":"nodes"}`)},
		{"/api/v1/namespaces/default/configmaps/a%20b", 404, jsonType, status(404, "NotFound", `configmaps "a b" not found`, `{"name":"a b","kind":"configmaps"}`)},
		{"/api/v1/namespaces/default/", 200, jsonType, `{"kind":"Namespace","apiVersion":"v1",…`},
		{"/api/v1/namespaces/", 200, jsonType, `{"kind":"NamespaceList","apiVersion":"v1","metadata":{"resourceVersion":"2"},"items":[{"metadata":…`},
		{"/api/v1/namespaces/default/configmaps/", 200, jsonType, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"2"},"items":[]}` + "\n"},
	} {
		r.expect(c.what, "", c.code, c.typ, c.body)
	}
}

func TestRemote(t *testing.T) {
	r := newRig(t, func(c *rest.Config) {
		c.Catalog = &resource.Catalog{}
		// A remote row has no Resource of its own to be found by: give it a name only.
		c.Catalog.Set([]resource.Group{{Name: "g", Versions: []resource.GroupVersion{{Name: "v1", Rows: []resource.Row{
			{Resource: &resource.Resource{Names: resource.Names{Plural: "things"}}, Remote: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "" {
					t.Error("the credential is passed on")
				}
				w.WriteHeader(http.StatusTeapot)
			})}}}}}})
		c.Engine = &fake{}
	})
	r.must(http.StatusTeapot, "/apis/g/v1/things/x", "")
}

func TestHealth(t *testing.T) {
	r := newRig(t)
	r.expect("/healthz?verbose", "", 200, plain, "[+]ping ok\n[+]etcd ok\nhealthz check passed\n")
	r.expect("/livez?verbose&exclude=etcd&exclude=foo", "", 200, plain,
		"[+]ping ok\n[+]etcd excluded: ok\nwarn: some health checks cannot be excluded: no matches for \"foo\"\nlivez check passed\n")
	r.expect("/readyz", "", 200, plain, "ok")
	if w := r.do("/readyz/ping", ""); w.Code != 200 || w.Body.String() != "ok" {
		t.Error(w.Code, w.Body)
	}
	if w := r.do("/healthz", "", "Authorization", ""); w.Code != 200 {
		t.Error("strangers may not ask for health:", w.Code)
	}

	sick := newRig(t, func(c *rest.Config) {
		c.Checks = append(c.Checks, rest.Check{Name: "disk", Ready: true, Func: func(ctx context.Context) error { return errSick }})
	})
	sick.expect("/readyz", "", 500, plain, "[+]ping ok\n[+]etcd ok\n[-]disk failed: reason withheld\nreadyz check failed\n")
	sick.expect("/readyz/disk", "", 500, plain, "internal server error: the disk is full\n")
	sick.expect("/livez", "", 200, plain, "ok")
	sick.expect("/livez/disk", "", 404, plain, "404 page not found\n")
	sick.expect("/readyz?exclude=disk", "", 200, plain, "ok")
}

func TestVersionAndIndex(t *testing.T) {
	r := newRig(t, func(c *rest.Config) {
		c.Version.Major, c.Version.Minor, c.Version.GitVersion = "1", "36", "v1.36.3"
		c.Discovery = http.NotFoundHandler()
	})
	r.expect("/version", "", 200, jsonType, "{\n  \"major\": \"1\",\n  \"minor\": \"36\",…")
	r.expect("/version/", "", 200, jsonType, "{…")
	r.expect("/version", "", 406, "application/yaml", "apiVersion: v1\ncode: 406\ndetails: {}\nkind: Status\nmessage: |-\n  406: Not Acceptable\n\n  Available representations: application/json\nmetadata: {}\nreason: NotAcceptable\nstatus: Failure\n", "Accept", "application/yaml")
	r.expect("/", "", 200, jsonType, "{\n  \"paths\": [\n    \"/api\",\n    \"/api/v1\",\n    \"/apis\",\n    \"/apis/\",\n    \"/apis/admissionregistration.k8s.io\",…")
	if w := r.do("/metrics", ""); w.Code != 200 {
		t.Error(w.Code)
	}
}

// ComponentStatus is read, but not stored.
func TestVirtual(t *testing.T) {
	r := newRig(t)
	r.expect("/api/v1/componentstatuses", "", 200, jsonType, `{"kind":"ComponentStatusList","apiVersion":"v1","metadata":{},"items":[]}`+"\n")
	r.expect("/api/v1/componentstatuses", "", 200, "application/yaml", "apiVersion: v1\nitems: []\nkind: ComponentStatusList\nmetadata: {}\n", "Accept", "application/yaml")
	r.expect("/api/v1/componentstatuses/x", "", 404, jsonType, status(404, "NotFound", `componentstatuses "x" not found`, `{"name":"x","kind":"componentstatuses"}`))
	r.expect("/api/v1/componentstatuses?watch=1", "", 405, jsonType, status(405, "MethodNotAllowed", `watch is not supported on resources of kind "componentstatuses"`, `{"kind":"componentstatuses"}`))
	r.expect("POST /api/v1/componentstatuses", "{}", 405, jsonType, notAllowed)
}
