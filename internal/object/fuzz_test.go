package object

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pintle-io/pintle/internal/corpus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

var fuzzCodecs = []*Codec{
	codecFor(corev1.SchemeGroupVersion.WithKind("Pod")),
	codecFor(corev1.SchemeGroupVersion.WithKind("ConfigMap")),
	codecFor(corev1.SchemeGroupVersion.WithKind("Event")),
}

var fuzzTexts = []string{
	`{"metadata":{"name":"a","labels":{"a":"b"},"managedFields":[{"fieldsV1":{"f:a":{}},"time":"2020-01-01T00:00:00Z"}]}}`,
	`{"kind":"Pod","apiVersion":"v1","spec":{"containers":[{"name":"x","ports":[{"containerPort":80}],"resources":{"limits":{"cpu":"1"}}}]}}`,
	`{"kind":"ConfigMap","apiVersion":"v1","data":{"a":"\u003c\ud83d\ude00\n"},"binaryData":{"b":"AQI="},"immutable":null}`,
	`{"Kind":"X","spec":null,"metadata":{"creationTimestamp":null,"finalizers":[]}}`,
	`{"eventTime":"2020-01-01T00:00:00.123456Z","series":{"count":1.0},"foo":[1,2.5e3,{"a":null}]}`,
	`{"spec":{"containers":[{"livenessProbe":{"httpGet":{"port":"http"}},"env":[{"name":"a"},{"name":"a","name":"b"}]}]}}`,
}

// checkDecode compares with the oracle: the same object, warnings and error.
func checkDecode(t *testing.T, e Encoding, data []byte) {
	for _, c := range fuzzCodecs {
		for _, strict := range []bool{false, true} {
			wantObj, wantWarnings, wantErr := oracleDecode(e, c.Kind, data, strict)
			obj, warnings, err := c.Decode(e, data, strict)
			if _, other := err.(*KindError); other {
				continue // the oracle may know that other kind
			}
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Fatalf("%v strict=%v\n got %v\nwant %v", c.Kind, strict, err, wantErr)
			}
			if d := cmp.Diff(wantWarnings, warnings); d != "" {
				t.Fatal(d)
			}
			if err != nil {
				continue
			}
			wantObj.GetObjectKind().SetGroupVersionKind(c.Kind)
			if !equality.Semantic.DeepEqual(runtime.Object(obj), wantObj) {
				t.Fatal(cmp.Diff(wantObj, runtime.Object(obj)))
			}
			// What was read can be written, and as the oracle writes it.
			got, err := c.Append(nil, JSON, obj)
			if err != nil {
				return
			}
			same(t, "JSON", append(got, Newline...), oracleEncode(t, JSON, c.Kind, wantObj))
		}
	}
}

func FuzzDecodeJSON(f *testing.F) {
	corpus.Add(f)
	for _, s := range fuzzTexts {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		checkDecode(t, JSON, data)
		checkDecodeTree(t, data)
	})
}

// checkDecodeTree is checkDecode for trees.
func checkDecodeTree(t *testing.T, data []byte) {
	tree := &Codec{Kind: corev1.SchemeGroupVersion.WithKind("Pod")}
	for _, strict := range []bool{false, true} {
		obj, warnings, err := tree.Decode(JSON, data, strict)
		wantObj, wantWarnings, wantErr := oracleDecodeTree(data, strict)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) || cmp.Diff(warnings, wantWarnings) != "" {
			t.Fatalf("strict=%v\n got %v %q\nwant %v %q", strict, err, warnings, wantErr, wantWarnings)
		}
		if err == nil {
			if d := cmp.Diff(wantObj, runtime.Object(obj)); d != "" {
				t.Fatal(d)
			}
		}
	}
}

func oracleDecodeTree(data []byte, strict bool) (runtime.Object, []string, error) {
	info := oracleInfo(JSON)
	s := info.Serializer
	if strict {
		s = info.StrictSerializer
	}
	obj, _, err := s.Decode(data, nil, &unstructured.Unstructured{})
	var warnings []string
	if strictErr, ok := runtime.AsStrictDecodingError(err); ok && obj != nil {
		for _, e := range strictErr.Errors() {
			warnings = append(warnings, e.Error())
		}
		err = nil
	}
	return obj, warnings, err
}

func FuzzDecodeYAML(f *testing.F) {
	corpus.Add(f)
	for _, s := range fuzzTexts {
		f.Add([]byte(s))
	}
	f.Add([]byte("kind: Pod\nmetadata:\n  name: a\n  name: b\nspec: &x {containers: []}\nstatus: *x\n"))
	f.Fuzz(func(t *testing.T, data []byte) { checkDecode(t, YAML, data) })
}

func addSeeds(f *testing.F, e Encoding) {
	for _, c := range fuzzCodecs {
		for _, s := range fuzzTexts {
			if obj, _, err := c.Decode(JSON, []byte(s), false); err == nil {
				if b, err := c.Append(nil, e, obj); err == nil {
					f.Add(b)
				}
			}
		}
	}
}

func FuzzDecodeProtobuf(f *testing.F) {
	corpus.Add(f)
	addSeeds(f, Protobuf)
	f.Fuzz(func(t *testing.T, data []byte) { checkDecode(t, Protobuf, data) })
}

func FuzzDecodeCBOR(f *testing.F) {
	corpus.Add(f)
	addSeeds(f, CBOR)
	f.Fuzz(func(t *testing.T, data []byte) {
		checkDecode(t, CBOR, data)
		appendCBORItem(nil, data, false)
	})
}

// FuzzHead reads heads off anything, and splices into whatever has one.
func FuzzHead(f *testing.F) {
	corpus.Add(f)
	for _, c := range fuzzCodecs {
		for _, asJSON := range []bool{false, true} {
			c := *c
			c.StoreJSON = asJSON
			for _, s := range fuzzTexts {
				if obj, _, err := c.Decode(JSON, []byte(s), false); err == nil {
					if b, _, err := c.EncodeStored(obj); err == nil {
						f.Add(b, int64(7))
					}
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, stored []byte, rv int64) {
		rv &= 1<<62 - 1
		StoredKind(stored)
		for _, c := range append([]*Codec{{Kind: corev1.SchemeGroupVersion.WithKind("Pod")}}, fuzzCodecs...) {
			h, err := c.Head(stored)
			if err != nil {
				continue
			}
			for k, v := range h.Labels.All() {
				_, _ = k, v
			}
			served := AppendServed(nil, stored, &h, rv)
			obj, err := c.DecodeStored(stored, rv)
			if err != nil {
				continue
			}
			c := *c
			c.StoreJSON = !isProtobuf(stored)
			again, h2, err := c.EncodeStored(obj)
			if err != nil || !bytes.Equal(again, stored) {
				continue // not of our own writing
			}
			if d := cmp.Diff(h, h2, cmp.AllowUnexported(Head{})); d != "" {
				t.Fatal(d)
			}
			e := Protobuf
			if c.StoreJSON || c.New == nil {
				e = JSON
			}
			want, err := c.Append(nil, e, obj)
			if err != nil {
				t.Fatal(err)
			}
			same(t, "served", served, want)
		}
	})
}

// FuzzCompact compares with what encoding/json makes of a Marshaler's bytes.
func FuzzCompact(f *testing.F) {
	corpus.Add(f)
	for _, s := range append(fuzzTexts, "\"\u2028<&>\"", ` [ 1 , -0.5e+3 , "\/" ] `, `01`, strings.Repeat("[", 300)) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		got, ok := appendCompact(nil, src)
		want, err := jsonMarshalRaw(src)
		if ok != (err == nil) && !(err == nil && bytes.Count(src, []byte("["))+bytes.Count(src, []byte("{")) > maxDepth) {
			t.Fatalf("ok = %v, oracle says %v", ok, err)
		}
		if ok {
			same(t, "compact", got, want)
		}
	})
}

// FuzzString compares with encoding/json.
func FuzzString(f *testing.F) {
	corpus.Add(f)
	for _, s := range []string{"", "plain", "<>&\"\\\n\t\r\b\f\x00\x1f\x7f", "é\u2028\u2029😀\xff\xc3", strings.Repeat("a", 100) + "<"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, _ := jsonMarshal(s)
		same(t, "string", appendString(nil, s), want)
		d := decoder{data: want}
		back, ok := d.text()
		if ok && string(back) != strings.ToValidUTF8(s, "\ufffd") && !strings.Contains(string(want), `\ufffd`) {
			t.Fatalf("read back %q of %q", back, s)
		}
	})
}
