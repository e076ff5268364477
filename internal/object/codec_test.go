package object

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func same(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		at := 0
		for at < len(got) && at < len(want) && got[at] == want[at] {
			at++
		}
		from := max(0, at-60)
		t.Fatalf("%s differs at %d of %d/%d\n got %q\nwant %q", what, at, len(got), len(want),
			got[from:min(len(got), at+80)], want[from:min(len(want), at+80)])
	}
}

// Every built-in kind, filled at random: bytes out as the oracle's, objects in as the oracle's.
func TestAllKindsLikeOracle(t *testing.T) {
	f := filler(seed(t))
	for _, kind := range kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			c := codecFor(kind)
			for range 5 {
				obj := c.NewObject()
				f.Fill(obj)
				obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
				for e := range Encodings {
					if e == Protobuf && !c.Can(Protobuf) {
						continue
					}
					want := oracleEncode(t, e, kind, obj)
					got, err := c.Append([]byte("before"), e, obj)
					if err != nil {
						t.Fatalf("%s: %v", names[e], err)
					}
					got = got[len("before"):]
					if e == JSON {
						got = append(got, Newline...)
					}
					same(t, names[e], got, want)
					for _, strict := range []bool{false, true} {
						back, warnings, err := c.Decode(e, got, strict)
						if err != nil {
							t.Fatalf("decode %s: %v", names[e], err)
						}
						wantBack, wantWarnings, err := oracleDecode(e, kind, got, strict)
						if err != nil {
							t.Fatalf("oracle: %v", err)
						}
						if !equality.Semantic.DeepEqual(back, wantBack) {
							t.Fatalf("decode %s: %s", names[e], cmp.Diff(wantBack, back))
						}
						if d := cmp.Diff(wantWarnings, warnings); d != "" {
							t.Fatalf("warnings: %s", d)
						}
					}
				}
				// Random content may have nil where a decoder makes something empty.
				again, err := c.Append(nil, JSON, obj)
				if err != nil {
					t.Fatal(err)
				}
				if obj, _, err = c.Decode(JSON, again, false); err != nil {
					t.Fatal(err)
				}
				if c.Can(Protobuf) {
					again, _ = c.Append(nil, Protobuf, obj)
					if obj, _, err = c.Decode(Protobuf, again, false); err != nil {
						t.Fatal(err)
					}
				}
				testStored(t, c, obj)
			}
		})
	}
}

// testStored stores, reads the head, and serves.
func testStored(t *testing.T, c *Codec, obj Object) {
	t.Helper()
	const rv = 1234567
	obj.SetResourceVersion("99")
	for _, asJSON := range []bool{false, true} {
		c := *c
		c.StoreJSON = asJSON
		stored, h, err := c.EncodeStored(obj)
		if err != nil {
			t.Fatal(err)
		}
		if obj.GetResourceVersion() != "99" {
			t.Fatal("EncodeStored changed the object")
		}
		bare := obj.DeepCopyObject().(Object)
		bare.SetResourceVersion("")
		bare.SetSelfLink("")
		e := JSON
		if !asJSON && c.Can(Protobuf) {
			e = Protobuf
		}
		if c.New != nil {
			same(t, "stored", stored, oracleEncode(t, e, c.Kind, bare))
		}
		checkHead(t, h, obj)
		if got := StoredKind(stored); got != c.Kind {
			t.Fatalf("StoredKind = %v", got)
		}
		decoded, err := c.DecodeStored(stored, rv)
		if err != nil {
			t.Fatal(err)
		}
		if decoded.GetResourceVersion() != fmt.Sprint(rv) {
			t.Fatalf("resourceVersion %q", decoded.GetResourceVersion())
		}
		want, err := c.Append(nil, e, decoded)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "served", AppendServed(nil, stored, &h, rv), want)
		if e == Protobuf {
			same(t, "served message", AppendServedMessage(nil, stored, &h, rv), ProtobufItem(want))
			if n := ServedSize(stored, &h, rv); n != len(ProtobufItem(want)) {
				t.Fatalf("ServedSize %d, want %d", n, len(ProtobufItem(want)))
			}
		}
	}
}

func checkHead(t *testing.T, h Head, obj Object) {
	t.Helper()
	if h.UID != obj.GetUID() {
		t.Fatalf("uid %q, want %q", h.UID, obj.GetUID())
	}
	if len(h.Labels.Map())+len(obj.GetLabels()) > 0 {
		if d := cmp.Diff(obj.GetLabels(), h.Labels.Map()); d != "" {
			t.Fatal(d)
		}
	}
	for k, v := range obj.GetLabels() {
		if got, ok := h.Labels.Lookup(k); !ok || got != v {
			t.Fatalf("label %q: %q %v, want %q", k, got, ok, v)
		}
	}
	if h.Labels != MakeLabels(obj.GetLabels()) {
		t.Fatalf("labels are not packed as MakeLabels does: %q, %q", h.Labels, MakeLabels(obj.GetLabels()))
	}
	if len(h.Owners) != len(obj.GetOwnerReferences()) {
		t.Fatalf("owners %v", h.Owners)
	}
	for i, ref := range obj.GetOwnerReferences() {
		if h.Owners[i] != ref.UID {
			t.Fatalf("owner %d: %q, want %q", i, h.Owners[i], ref.UID)
		}
	}
	created := int64(0)
	if ts := obj.GetCreationTimestamp(); !ts.IsZero() {
		created = ts.Unix()
	}
	if h.Created != created || h.Deleting() != (obj.GetDeletionTimestamp() != nil) || h.Finalizers() != (len(obj.GetFinalizers()) > 0) {
		t.Fatalf("head %+v of %+v", h, obj)
	}
}

// treeOf is the tree of a struct: what a client of a custom resource would send.
func treeOf(t testing.TB, kind schema.GroupVersionKind, obj runtime.Object) *unstructured.Unstructured {
	t.Helper()
	b := oracleEncode(t, JSON, kind, obj)
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(b); err != nil {
		t.Fatal(err)
	}
	return u
}

func TestTreesLikeOracle(t *testing.T) {
	f := filler(seed(t))
	kind := schema.GroupVersionKind{Group: "stable.example.com", Version: "v1", Kind: "Pod"}
	c := &Codec{Kind: kind}
	for range 20 {
		var pod corev1.Pod
		f.Fill(&pod)
		u := treeOf(t, corev1.SchemeGroupVersion.WithKind("Pod"), &pod)
		u.SetGroupVersionKind(kind)
		u.Object["float"], u.Object["int"], u.Object["whole"] = 1.5, int64(1)<<60, 3.0
		for _, e := range []Encoding{JSON, YAML, CBOR} {
			want := oracleTree(t, e, u)
			got, err := c.Append(nil, e, u)
			if err != nil {
				t.Fatal(err)
			}
			if e == JSON {
				got = append(got, Newline...)
			}
			same(t, names[e], got, want)
			for _, strict := range []bool{false, true} {
				back, warnings, err := c.Decode(e, got, strict)
				if err != nil || warnings != nil {
					t.Fatal(err, warnings)
				}
				want := u
				if e == JSON || e == YAML { // a whole float becomes an integer there
					want = u.DeepCopy()
					want.Object["whole"] = int64(3)
				}
				if d := cmp.Diff(want, back); d != "" {
					t.Fatalf("%s: %s", names[e], d)
				}
			}
		}
		delete(u.Object, "whole")
		testStored(t, c, u)
	}
}

// TestNegativeZero: its text is read back as the integer 0, which is what is answered then.
func TestNegativeZero(t *testing.T) {
	kind := schema.GroupVersionKind{Group: "stable.example.com", Version: "v1", Kind: "Pod"}
	c := &Codec{Kind: kind}
	u := &unstructured.Unstructured{Object: map[string]any{"zero": 0.0, "minus": math.Copysign(0, -1), "list": []any{math.Copysign(0, -1), -0.5}}}
	u.SetGroupVersionKind(kind)
	got, err := c.Append(nil, JSON, u)
	if want := `{"apiVersion":"stable.example.com/v1","kind":"Pod","list":[0,-0.5],"minus":0,"zero":0}`; err != nil || string(got) != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
}

func oracleTree(t testing.TB, e Encoding, u *unstructured.Unstructured) []byte {
	var b bytes.Buffer
	if err := oracleInfo(e).Serializer.Encode(u, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDecodeFailuresLikeOracle(t *testing.T) {
	kind := corev1.SchemeGroupVersion.WithKind("ConfigMap")
	pod := corev1.SchemeGroupVersion.WithKind("Pod")
	protobuf, _ := codecFor(kind).Append(nil, Protobuf, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}})
	podBytes, _ := codecFor(pod).Append(nil, Protobuf, &corev1.Pod{})
	deep := strings.Repeat(`{"a":`, 10001) + "1" + strings.Repeat("}", 10001)
	for _, tc := range []struct {
		e    Encoding
		kind schema.GroupVersionKind
		data string
	}{
		{JSON, kind, ``},
		{JSON, kind, `{`},
		{JSON, kind, `[]`},
		{JSON, kind, `null`},
		{JSON, kind, `"x"`},
		{JSON, kind, `{} {}`},
		{JSON, kind, `{"data":1}`},
		{JSON, kind, `{"data":{"a":1}}`},
		{JSON, kind, `{"kind":"ConfigMap","apiVersion":"v1","data":{"a":1}}`},
		{JSON, kind, `{"kind":1}`},
		{JSON, kind, `{"apiVersion":"a/b/c"}`},
		{JSON, kind, `{"metadata":{"creationTimestamp":"yesterday"}}`},
		{JSON, kind, `{"metadata":[]}`},
		{JSON, kind, `{"metadata":{"labels":{"a":true}}}`},
		{JSON, kind, `{"foo":1,"metadata":{"bar":2,"name":"a","name":"b"},"data":{"a":"1","a":"2"},"Data":{}}`},
		{JSON, kind, `{"apiVersion":"","kind":"","binaryData":{"a":"!"}}`},
		{JSON, kind, `{"apiVersion":"group/"}`},
		{JSON, kind, `{"data":` + deep + `}`},
		{JSON, pod, `{"spec":{"containers":[{"name":"a","foo":1},{"name":1}]}}`},
		{JSON, pod, `{"spec":{"containers":[{"name":"a","foo":1},{"ports":[{"containerPort":99999999999}]}]}}`},
		{JSON, pod, `{"spec":{"containers":[{"name":"a","foo":1,"resources":{"limits":{"cpu":"x"}}}]}}`},
		{JSON, pod, `{"spec":{"containers":[{"livenessProbe":{"httpGet":{"port":1.5}}}]}}`},
		{JSON, pod, `{"spec":{"containers":[{"name":"a","name":"b","foo":1,"env":[{"nam":"x"}]}],"nodeselector":{}}}`},
		{YAML, kind, ``},
		{YAML, kind, "a: b: c"},
		{YAML, kind, "\t"},
		{YAML, kind, "data:\n  a: 1\n"},
		{YAML, kind, "metadata:\n  name: a\n  name: b\nfoo: 1\n"},
		{YAML, kind, "kind: ConfigMap\ndata: [1]\n"},
		{YAML, kind, "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g]\n"},
		{Protobuf, kind, ``},
		{Protobuf, kind, `k8s`},
		{Protobuf, kind, "k8s\x00"},
		{Protobuf, kind, "k8s\x00\x0a"},
		{Protobuf, kind, "k8s\x00\x0a\x00\x12\x02\x0a\xff\x1a\x00\x22\x00"},
		{Protobuf, kind, string(protobuf[:len(protobuf)-9])},
		{Protobuf, kind, string(protobuf) + "\x08\x01"},
		{Protobuf, kind, "k8s\x00\x12\x00"},
		{Protobuf, kind, `{"kind":"ConfigMap"}`},
		{CBOR, kind, ""},
		{CBOR, kind, "\xa1"},
		{CBOR, kind, "\xa1\x44data\x01"},
		{CBOR, kind, "\xa2\x43foo\x01\x43foo\x01"},
		{CBOR, kind, "\xa1\x43foo\x01"},
		{CBOR, kind, "\xa1\x44kind\x01"},
		{CBOR, kind, "\x80"},
	} {
		c := codecFor(tc.kind)
		for _, strict := range []bool{false, true} {
			what := fmt.Sprintf("%s %.80q strict=%v", names[tc.e], tc.data, strict)
			wantObj, wantWarnings, wantErr := oracleDecode(tc.e, tc.kind, []byte(tc.data), strict)
			obj, warnings, err := c.Decode(tc.e, []byte(tc.data), strict)
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("%s\n got %v\nwant %v", what, err, wantErr)
				continue
			}
			if d := cmp.Diff(wantWarnings, warnings); d != "" {
				t.Errorf("%s: warnings: %s", what, d)
			}
			if err == nil {
				wantObj.GetObjectKind().SetGroupVersionKind(tc.kind) // left empty by the oracle where the bytes are silent
				if !equality.Semantic.DeepEqual(runtime.Object(obj), wantObj) {
					t.Errorf("%s: %s", what, cmp.Diff(wantObj, runtime.Object(obj)))
				}
			}
		}
	}
	for _, tc := range []struct {
		e    Encoding
		data string
		want schema.GroupVersionKind
	}{
		{JSON, `{"kind":"Secret","apiVersion":"v1"}`, corev1.SchemeGroupVersion.WithKind("Secret")},
		{JSON, `{"kind":"ConfigMap","apiVersion":"a/v2","data":{"a":1}}`, schema.GroupVersionKind{Group: "a", Version: "v2", Kind: "ConfigMap"}},
		{YAML, `kind: Secret`, corev1.SchemeGroupVersion.WithKind("Secret")},
		{Protobuf, string(podBytes), pod},
		{CBOR, "\xa1\x44kind\x46Secret", corev1.SchemeGroupVersion.WithKind("Secret")},
	} {
		_, _, err := codecFor(kind).Decode(tc.e, []byte(tc.data), false)
		if e, ok := err.(*KindError); !ok || e.Got != tc.want || e.Want != kind {
			t.Errorf("%s %q: %v", names[tc.e], tc.data, err)
		}
	}
}

// The sentences, as recorded from kube-apiserver 1.36.3.
func TestBadRequest(t *testing.T) {
	c := codecFor(corev1.SchemeGroupVersion.WithKind("ConfigMap"))
	for body, want := range map[string]string{
		``:             `the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)`,
		`{"data":1}`:   `ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type map[string]string`,
		`[1]`:          `the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" } (5b315d)`,
		`{"kind":"X"}`: `X in version "v1" cannot be handled as a ConfigMap: no kind "X" is registered for version "v1" in scheme "pkg/runtime/scheme.go:111"`,
	} {
		_, _, err := c.Decode(JSON, []byte(body), false)
		if got := c.BadRequest(err, []byte(body)); got != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
}

func TestKindErrorMessage(t *testing.T) {
	configMap := corev1.SchemeGroupVersion.WithKind("ConfigMap")
	hpa := func(v string) schema.GroupVersionKind {
		return schema.GroupVersionKind{Group: "autoscaling", Version: v, Kind: "HorizontalPodAutoscaler"}
	}
	for _, tc := range []struct {
		got, want schema.GroupVersionKind
		known     bool
		message   string
	}{
		{corev1.SchemeGroupVersion.WithKind("Secret"), configMap, true,
			`Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion`},
		{schema.GroupVersionKind{Version: "v2", Kind: "ConfigMap"}, configMap, false,
			`ConfigMap in version "v2" cannot be handled as a ConfigMap: no kind "ConfigMap" is registered for version "v2" in scheme "pkg/runtime/scheme.go:111"`},
		{schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, configMap, true,
			`Deployment in version "v1" cannot be handled as a ConfigMap: converting (v1.Deployment) to (core.ConfigMap): unknown conversion`},
		{hpa("v1"), hpa("v2"), true, `the API version in the data (autoscaling/v1) does not match the expected API version (autoscaling/v2)`},
	} {
		got := (&KindError{tc.got, tc.want}).Message(func(schema.GroupVersionKind) bool { return tc.known })
		if got != tc.message {
			t.Errorf("\n got %s\nwant %s", got, tc.message)
		}
	}
}

func TestDecodeKind(t *testing.T) {
	kind := schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	c := codecFor(kind)
	for e := range Encodings {
		data, err := c.Append(nil, e, c.NewObject())
		if err != nil {
			t.Fatal(err)
		}
		apiVersion, k, err := DecodeKind(e, data)
		if err != nil || apiVersion != "apps/v1" || k != "Deployment" {
			t.Errorf("%s: %q %q %v", names[e], apiVersion, k, err)
		}
	}
	for e, data := range map[Encoding]string{JSON: `{}`, YAML: `a: 1`, Protobuf: "k8s\x00\x12\x00", CBOR: "\xa0"} {
		if apiVersion, k, err := DecodeKind(e, []byte(data)); err != nil || apiVersion != "" || k != "" {
			t.Errorf("%s: %q %q %v", names[e], apiVersion, k, err)
		}
	}
	for e, data := range map[Encoding]string{JSON: `{`, YAML: `a: b: c`, Protobuf: "k8", CBOR: "\xff"} {
		if _, _, err := DecodeKind(e, []byte(data)); err == nil {
			t.Errorf("%s: no error", names[e])
		}
	}
}
