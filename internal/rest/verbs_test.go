package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/authn"
	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/rest"
)

func bad(text string) string { return status(400, "BadRequest", text, "") }

func invalid(kind, text, causes string) string {
	return status(422, "Invalid", kind+`.meta.k8s.io "" is invalid: `+text, `{"group":"meta.k8s.io","kind":"`+kind+`","causes":[`+causes+`]}`)
}

func cause(reason, field, message string) string {
	return fmt.Sprintf(`{"reason":%q,"message":%q,"field":%q}`, reason, message, field)
}

// escaped is JSON as the reference escapes it.
func escaped(s string) string {
	return strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`).Replace(s)
}

// The answers were asked of kube-apiserver 1.36.3.
func TestBodies(t *testing.T) {
	r := newA(t)
	const json = "application/json"
	handled := `ConfigMap in version "v1" cannot be handled as a ConfigMap: `
	for _, c := range []struct {
		what, body string
		code       int
		want       string
	}{
		{"POST " + cms, "", 400, bad("the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)")},
		{"POST " + cms, "{", 400, bad("the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: unexpected end of JSON input ({)")},
		{"POST " + cms, "[]", 400, bad(`the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" } (5b5d)`)},
		{"POST " + cms, `{"kind":"Secret","apiVersion":"v1"}`, 400, bad(`Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion`)},
		{"POST " + cms, `{"kind":"ConfigMap","apiVersion":"v2"}`, 400, bad(`ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2" in scheme "pkg/runtime/scheme.go:111"`)},
		{"POST " + cms, `{"kind":"Deployment","apiVersion":"apps/v1"}`, 400, bad(`Deployment in version "v1" cannot be handled as a ConfigMap: converting (v1.Deployment) to (core.ConfigMap): unknown conversion`)},
		{"POST /apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers", `{"kind":"HorizontalPodAutoscaler","apiVersion":"autoscaling/v1"}`, 400, bad("the API version in the data (autoscaling/v1) does not match the expected API version (autoscaling/v2)")},
		{"POST " + cms, `{"metadata":{"name":"b","namespace":"other"}}`, 400, bad("the namespace of the provided object does not match the namespace sent on the request")},
		{"POST " + cms, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"b"},"data":{"a":1}}`, 400, bad(handled + "json: cannot unmarshal number into Go struct field ConfigMap.data of type string")},
		{"POST " + cms + "?fieldValidation=Strict", `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"b","foo":1},"foo":"x","data":{"a":"1","a":"2"}}`, 400,
			bad(handled + `strict decoding error: unknown field "metadata.foo", unknown field "foo", duplicate field "data.a"`)},
		{"PUT " + cms + "/a", `{"metadata":{"name":"b"}}`, 400, bad("the name of the object (b) does not match the name on the URL (a)")},
		{"PUT " + cms + "/a", `{"metadata":{"name":"a","namespace":"q"}}`, 400, bad("the namespace of the provided object does not match the namespace sent on the request")},
		{"PUT " + cms + "/a", `{"metadata":{}}`, 400, bad("the name of the object (a based on URL) was undeterminable: name must be provided")},
		{"PUT " + cms + "/a", `{"apiVersion":"v2","kind":"ConfigMap","metadata":{"name":"a"}}`, 400, bad(`ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2" in scheme "pkg/runtime/scheme.go:111"`)},
		{"DELETE " + cms + "/nope", `{"foo":1}`, 404, status(404, "NotFound", `configmaps "nope" not found`, `{"name":"nope","kind":"configmaps"}`)},
		{"DELETE " + cms + "/nope", `{"kind":"DeleteOptions","apiVersion":"foo/v1"}`, 404, status(404, "NotFound", `configmaps "nope" not found`, `{"name":"nope","kind":"configmaps"}`)},
		{"DELETE " + cms + "/nope", `{"kind":"ConfigMap","apiVersion":"v1"}`, 400, bad(`no kind "ConfigMap" is registered for version "v1" in scheme "pkg/runtime/scheme.go:111"`)},
		{"DELETE " + cms + "/nope", `{"gracePeriodSeconds":"x"}`, 400, bad("json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64")},
		{"DELETE " + cms + "/nope", `{`, 400, bad("couldn't get version/kind; json parse error: unexpected end of JSON input")},
		{"DELETE " + cms + "/nope", `{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"foo","dryRun":["x"]}`, 422,
			invalid("DeleteOptions", `[propagationPolicy: Unsupported value: "foo": supported values: "Foreground", "Background", "Orphan", "nil", dryRun: Unsupported value: ["x"]: supported values: "All"]`,
				cause("FieldValueNotSupported", "propagationPolicy", `Unsupported value: "foo": supported values: "Foreground", "Background", "Orphan", "nil"`)+","+
					cause("FieldValueNotSupported", "dryRun", `Unsupported value: ["x"]: supported values: "All"`))},
	} {
		r.expect(c.what, c.body, c.code, json, escaped(c.want), "Content-Type", json)
	}

	w := r.must(201, "POST "+cms+"?dryRun=All", `{"metadata":{"name":"b","foo":1},"foo":"x","data":{"a":"1","a":"2"}}`)
	want := []string{`299 - "unknown field \"metadata.foo\""`, `299 - "unknown field \"foo\""`, `299 - "duplicate field \"data.a\""`}
	if got := w.Header()["Warning"]; strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("warnings %q", got)
	}
	if w := r.must(201, "POST "+cms+"?dryRun=All&fieldValidation=Ignore", `{"metadata":{"name":"b"},"foo":"x"}`); w.Header()["Warning"] != nil {
		t.Errorf("warnings %q", w.Header()["Warning"])
	}

	tooLarge := status(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728", "")
	r.expect("POST "+cms, strings.Repeat(" ", 3<<20+1), 413, json, tooLarge)
	req := httptest.NewRequest("POST", cms, strings.NewReader(strings.Repeat(" ", 3<<20+1)))
	req.Header.Set("Authorization", "Bearer admin")
	req.ContentLength = -1
	rec := httptest.NewRecorder()
	if r.ServeHTTP(rec, req); rec.Body.String() != tooLarge {
		t.Error(rec.Body)
	}
}

func TestParameters(t *testing.T) {
	r := newA(t)
	forbidden := func(field, text string) string { return cause("FieldValueForbidden", field, "Forbidden: "+text) }
	list := func(text string) string {
		return invalid("ListOptions", text, forbidden(strings.SplitN(text, ": Forbidden: ", 2)[0], strings.SplitN(text, ": Forbidden: ", 2)[1]))
	}
	for _, c := range []struct {
		what string
		code int
		want string
	}{
		{"?limit=x", 400, bad(`strconv.ParseInt: parsing "x": invalid syntax`)},
		{"?labelSelector=a,,b%3D%3D%3D", 400, bad("found ',', expected: identifier after ','")},
		{"?fieldSelector=foo", 400, bad("invalid selector: 'foo'; can't understand 'foo'")},
		{"?fieldSelector=foo%3Dbar", 400, bad(`"foo" is not a known field selector: only "metadata.name", "metadata.namespace"`)},
		{"?resourceVersionMatch=Exact", 422, list("resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided")},
		{"?watch=1&timeoutSeconds=1&sendInitialEvents=true", 422, list("resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")},
		{"?timeoutSeconds=x&watch=true", 400, bad(`strconv.ParseInt: parsing "x": invalid syntax`)},
		{"?timeout=foo", 400, bad(`invalid timeout specified in the request URL - time: invalid duration "foo"`)},
		{"/a?export=true", 400, bad("the export parameter, deprecated since v1.14, is no longer supported")},
		{"/a?export=x", 400, bad("the export parameter, deprecated since v1.14, is no longer supported")},
	} {
		r.expect(cms+c.what, "", c.code, jsonType, c.want)
	}
	r.expect("/api/v1/watch/namespaces/default/configmaps/a?fieldSelector=metadata.name%3Db", "", 400, jsonType, bad("fieldSelector metadata.name doesn't match requested name"))
	r.expect("DELETE "+cms+"?limit=a", "", 400, jsonType, bad(`strconv.ParseInt: parsing "a": invalid syntax`))
	r.expect("DELETE "+cms+"/nope?gracePeriodSeconds=foo", "", 400, jsonType, bad(`strconv.ParseInt: parsing "foo": invalid syntax`))
	r.expect("DELETE "+cms+"/nope?orphanDependents=foo&propagationPolicy=Orphan", "", 422, jsonType,
		invalid("DeleteOptions", `propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set`,
			cause("FieldValueInvalid", "propagationPolicy", `Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set`)))
	r.expect("POST "+cms+"?fieldValidation=foo&dryRun=bar&fieldManager=%01", "{}", 422, jsonType,
		invalid("CreateOptions", `[fieldManager: Invalid value: "\x01": invalid character U+0001 (at position 0), dryRun: Unsupported value: ["bar"]: supported values: "All", fieldValidation: Unsupported value: "foo": supported values: "", "Ignore", "Strict", "Warn"]`,
			cause("FieldValueInvalid", "fieldManager", `Invalid value: "\x01": invalid character U+0001 (at position 0)`)+","+
				cause("FieldValueNotSupported", "dryRun", `Unsupported value: ["bar"]: supported values: "All"`)+","+
				cause("FieldValueNotSupported", "fieldValidation", `Unsupported value: "foo": supported values: "", "Ignore", "Strict", "Warn"`)))
	r.expect("PATCH "+cms+"/a?force=true", "{}", 422, jsonType,
		invalid("PatchOptions", "force: Forbidden: may not be specified for non-apply patch", forbidden("force", "may not be specified for non-apply patch")),
		"Content-Type", "application/merge-patch+json")
	r.expect("PATCH "+cms+"/a", "{}", 422, jsonType,
		invalid("PatchOptions", "fieldManager: Required value: is required for apply patch", cause("FieldValueRequired", "fieldManager", "Required value: is required for apply patch")),
		"Content-Type", "application/apply-patch+yaml")
	r.expect(cms+"/a?includeObject=Foo", "", 400, jsonType,
		pretty(t, bad("Unable to convert to Table as requested: includeObject: Invalid value: \"Foo\": must be 'Metadata', 'Object', 'None', or empty")), "Accept", tableV1)
}

func TestFieldManager(t *testing.T) {
	for agent, want := range map[string]string{
		"kubectl/v1.36 (linux)": "kubectl", "": "", "plain": "plain", "a\x01b/1": "ab", "é/2": "é",
		strings.Repeat("x", 200) + "/": strings.Repeat("x", 128), strings.Repeat("é", 100): strings.Repeat("é", 64),
	} {
		var got metav1.CreateOptions
		r := newRig(t, withFake(&fake{create: func(_ context.Context, _ *request.Request, _ engine.Target, _ object.Object, o metav1.CreateOptions) (engine.Result, error) {
			got = o
			return engine.Result{Status: &metav1.Status{Status: metav1.StatusSuccess}}, nil
		}}))
		r.must(201, "POST "+cms, `{"metadata":{"name":"a"}}`, "User-Agent", agent)
		if got.FieldManager != want || got.FieldValidation != "Warn" {
			t.Errorf("%q: %+v", agent, got)
		}
	}
}

func TestDeleteAnswers(t *testing.T) {
	r := newA(t)
	gone := `{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":{"name":"a","kind":"configmaps","uid":"00000000-0000-4000-8000-000000000002"}}` + "\n"
	r.expect("DELETE "+cms+"/a?dryRun=All", "", 200, jsonType, gone)
	r.expect("DELETE "+cms+"/a", `{"dryRun":["All"]}`, 200, jsonType, gone, "Accept", partialV1)
	r.expect("DELETE "+cms+"/a?dryRun=All", "", 200, jsonType, gone, "Accept", tableV1)
	r.expect("DELETE "+cms+"?dryRun=All", "", 200, jsonType, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"3"},"items":[{`+aMeta+`,"data":{"x":"1"}}]}`+"\n")
	r.expect("DELETE "+cms+"/a", "", 200, jsonType, gone)
	r.expect(cms, "", 200, jsonType, `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"4"},"items":null}`+"\n", "Accept", partialsV1)
}

func TestTable(t *testing.T) {
	r := newA(t)
	name := `{"name":"Name","type":"string","format":"name","description":"` + metav1.ObjectMeta{}.SwaggerDoc()["name"] + `","priority":0}`
	r.expect(cms+"/a", "", 200, jsonType, `{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"3"},"columnDefinitions":[`+name+`,{"name":"Age","type":"string","format":"",…`, "Accept", tableV1)
	for include, object := range map[string]string{
		"":                        strings.TrimSuffix(aPart, "\n"),
		"?includeObject=Metadata": strings.TrimSuffix(aPart, "\n"),
		"?includeObject=None":     "null",
		"?includeObject=Object":   strings.TrimSuffix(aJSON, "\n"),
	} {
		want := `"rows":[{"cells":["a","0s"],"object":` + object + `}]}` + "\n"
		for _, url := range []string{cms + "/a" + include, cms + include} {
			if got := r.must(200, url, "", "Accept", tableV1).Body.String(); !strings.HasSuffix(got, want) {
				t.Errorf("%s\n got %s\nwant …%s", url, got, want)
			}
		}
	}
	if got := r.must(201, "POST "+cms+"?dryRun=All", `{"metadata":{"name":"z"}}`, "Accept", tableV1).Body.String(); !strings.HasPrefix(got, `{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{},`) {
		t.Error(got)
	}
	roles := "/apis/rbac.authorization.k8s.io/v1/clusterroles"
	if got := r.must(200, roles, "", "Accept", tableV1).Body.String(); !strings.HasSuffix(got, `"rows":null}`+"\n") || !strings.Contains(got, `"Created At","type":"date"`) {
		t.Error(got)
	}
	if got := r.must(200, "/api/v1/secrets", "", "Accept", tableV1).Body.String(); !strings.HasSuffix(got, `"rows":[]}`+"\n") {
		t.Error(got)
	}
	r.expect(cms, "", 200, "application/yaml", "apiVersion: meta.k8s.io/v1\ncolumnDefinitions:\n…", "Accept", strings.Replace(tableV1, "json", "yaml", 1))
	r.expect(cms, "", 200, "application/yaml", "apiVersion: v1\nitems:\n- data:\n…", "Accept", "application/yaml")
}

func TestChain(t *testing.T) {
	unauthorized := status(401, "Unauthorized", "Unauthorized", "")
	r := newRig(t)
	r.expect(cms, "", 401, jsonType, unauthorized, "Authorization", "")
	r.expect(cms, "", 401, jsonType, unauthorized, "Authorization", "Bearer nobody")
	w := r.do("/healthz", "", "Audit-Id", "mine")
	if w.Header().Get("Audit-Id") != "mine" || w.Header().Get("Cache-Control") != "no-cache, private" {
		t.Error(w.Header())
	}
	if id := r.do("/healthz", "").Header().Get("Audit-Id"); len(id) != 36 || id[14] != '4' {
		t.Error(id)
	}
}

type authorizer func(*request.User, *request.Info) (request.Decision, string, error)

func (a authorizer) Authorize(_ context.Context, u *request.User, i *request.Info) (request.Decision, string, error) {
	return a(u, i)
}

func TestForbidden(t *testing.T) {
	r := newRig(t, withFake(&fake{}), func(c *rest.Config) {
		c.Authorizer = authorizer(func(u *request.User, i *request.Info) (request.Decision, string, error) {
			if i.Resource == "secrets" {
				return request.NoOpinion, "", fmt.Errorf("the rules are gone")
			}
			return request.NoOpinion, "no rule", nil
		})
	})
	r.expect("/apis/apps/v1/namespaces/x/deployments/d/scale", "", 403, jsonType, status(403, "Forbidden",
		`deployments.apps "d" is forbidden: User "jane" cannot get resource "deployments/scale" in API group "apps" in the namespace "x": no rule`,
		`{"name":"d","group":"apps","kind":"deployments"}`), "Authorization", "Bearer user")
	r.expect("/nope", "", 403, jsonType, status(403, "Forbidden", `forbidden: User "jane" cannot get path "/nope": no rule`, "{}"), "Authorization", "Bearer user")
	r.expect("/api/v1/secrets", "", 500, plain, `Internal Server Error: "/api/v1/secrets": the rules are gone`+"\n")
}

func TestPanic(t *testing.T) {
	r := newRig(t, withFake(&fake{get: func(context.Context, engine.Target) (engine.Result, error) { panic("no good") }}))
	for range 2 {
		r.expect(cms+"/a", "", 500, plain, "This request caused apiserver to panic. Look in the logs for details.\n")
	}
	abort := newRig(t, withFake(&fake{get: func(context.Context, engine.Target) (engine.Result, error) { panic(http.ErrAbortHandler) }}))
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("an aborted request is not aborted")
		}
	}()
	abort.do(cms+"/a", "")
}

func TestTimeout(t *testing.T) {
	r := newRig(t, withFake(&fake{get: func(ctx context.Context, _ engine.Target) (engine.Result, error) {
		<-ctx.Done()
		return engine.Result{}, ctx.Err()
	}}), func(c *rest.Config) { c.Limits.Request = time.Minute })
	r.expect(cms+"/a?timeout=1ms", "", 504, plain,
		`{"metadata":{},"status":"Failure","message":"Timeout: request did not complete within the allotted timeout","reason":"Timeout","details":{},"code":504}`+"\n")
}

func TestTooMany(t *testing.T) {
	in, out := make(chan bool), make(chan bool)
	r := newRig(t, withFake(&fake{get: func(ctx context.Context, _ engine.Target) (engine.Result, error) {
		in <- true
		<-out
		return engine.Result{Status: &metav1.Status{Status: metav1.StatusSuccess}}, nil
	}}), func(c *rest.Config) { c.Limits.ReadOnly = 1 })
	done := make(chan bool)
	go func() { r.do(cms+"/a", "", "Authorization", "Bearer user"); done <- true }()
	<-in
	w := r.do(cms+"/a", "", "Authorization", "Bearer user")
	if w.Code != 429 || w.Header().Get("Retry-After") != "1" || w.Body.String() != "Too many requests, please try again later.\n" {
		t.Error(w.Code, w.Header(), w.Body)
	}
	go func() { r.do(cms+"/a", ""); done <- true }() // system:masters always get in
	<-in
	close(out)
	<-done
	<-done
	go func() { r.do(cms+"/a", "", "Authorization", "Bearer user"); done <- true }()
	<-in
	<-done
}

// TestAuthenticationWarns: what is said of a credential reaches the client, once, whoever answers.
func TestAuthenticationWarns(t *testing.T) {
	r := newRig(t, func(c *rest.Config) {
		admin := func(_ context.Context, token string) (*request.User, bool, error) {
			return &request.User{Name: "admin"}, token == "admin", nil
		}
		c.Authn = &authn.Chain{Credentials: authn.Union{authn.Bearer{admin}}, Anonymous: authn.NewAnonymous()}
	})
	const want = `299 - "the provided Authorization header contains extra space before the bearer token, and is ignored"`
	for what, code := range map[string]int{"/healthz": 200, "/api": 401, "/api/v1/namespaces/default": 401} {
		w := r.must(code, what, "", "Authorization", "Bearer  admin")
		if got := w.Header()["Warning"]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q", what, got)
		}
	}
	if got := r.must(200, "/api/v1/namespaces/default", "").Header()["Warning"]; got != nil {
		t.Errorf("%q", got)
	}
}
