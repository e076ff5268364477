package object

import (
	"bytes"
	gojson "encoding/json"
	"math/rand"
	"os"
	"reflect"
	"sort"
	"strconv"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	apiregv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/randfill"
)

// The oracle: apimachinery's serializers over a scheme of all built-in kinds.
var (
	oracleScheme = func() *runtime.Scheme {
		s := runtime.NewScheme()
		for _, add := range []func(*runtime.Scheme) error{clientscheme.AddToScheme, apiextensionsv1.AddToScheme, apiregv1.AddToScheme} {
			if err := add(s); err != nil {
				panic(err)
			}
		}
		return s
	}()
	oracleCodecs = serializer.NewCodecFactory(oracleScheme, serializer.WithSerializer(cbor.NewSerializerInfo))
	mediaTypes   = [Encodings]string{"application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "application/cbor"}
	names        = [Encodings]string{"JSON", "YAML", "Protobuf", "CBOR"}
)

func oracleInfo(e Encoding) runtime.SerializerInfo {
	info, ok := runtime.SerializerInfoForMediaType(oracleCodecs.SupportedMediaTypes(), mediaTypes[e])
	if !ok {
		panic("no serializer for " + mediaTypes[e])
	}
	return info
}

// oracleEncode encodes as kube-apiserver answers.
func oracleEncode(t testing.TB, e Encoding, kind schema.GroupVersionKind, obj runtime.Object) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := oracleCodecs.EncoderForVersion(oracleInfo(e).Serializer, kind.GroupVersion())
	if err := enc.Encode(obj, &b); err != nil {
		t.Fatalf("oracle: encode %v as %s: %v", kind, names[e], err)
	}
	return b.Bytes()
}

// oracleDecode decodes as kube-apiserver's create handler does.
func oracleDecode(e Encoding, kind schema.GroupVersionKind, data []byte, strict bool) (runtime.Object, []string, error) {
	info := oracleInfo(e)
	s := info.Serializer
	if strict {
		s = info.StrictSerializer
	}
	into, err := oracleScheme.New(kind)
	if err != nil {
		panic(err)
	}
	obj, _, err := s.Decode(data, &kind, into)
	var warnings []string
	if strictErr, ok := runtime.AsStrictDecodingError(err); ok && obj != nil {
		for _, e := range strictErr.Errors() {
			warnings = append(warnings, e.Error())
		}
		err = nil
	}
	return obj, warnings, err
}

// kinds are all built-in kinds whose objects have metadata.
func kinds() []schema.GroupVersionKind {
	var list []schema.GroupVersionKind
	for kind := range oracleScheme.AllKnownTypes() {
		if kind.Version == runtime.APIVersionInternal {
			continue
		}
		obj, _ := oracleScheme.New(kind)
		if _, ok := obj.(Object); ok {
			list = append(list, kind)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].String() < list[j].String() })
	return list
}

func codecFor(kind schema.GroupVersionKind) *Codec {
	t := oracleScheme.AllKnownTypes()[kind]
	return &Codec{Kind: kind, New: func() Object { return reflect.New(t).Interface().(Object) }}
}

// seed is printed with every failure; OBJECT_SEED repeats one.
func seed(t testing.TB) int64 {
	s := time.Now().UnixNano()
	if v, err := strconv.ParseInt(os.Getenv("OBJECT_SEED"), 10, 64); err == nil {
		s = v
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("OBJECT_SEED=%d", s)
		}
	})
	return s
}

// filler fills objects with random content that survives a trip through every encoding.
func filler(s int64) *randfill.Filler {
	own := func(serializer.CodecFactory) []any {
		return []any{
			func(r *runtime.RawExtension, c randfill.Continue) {
				r.Raw = []byte(`{"apiVersion":"a/v1","kind":"K","n":` + strconv.Itoa(c.Intn(1000)) + `,"s":"<` + strconv.Itoa(c.Intn(9)) + `>"}`)
			},
			func(j *apiextensionsv1.JSON, c randfill.Continue) {
				j.Raw = []byte(`[` + strconv.Itoa(c.Intn(1000)) + `,"&"]`)
			},
			func(j *apiextensionsv1.JSONSchemaProps, c randfill.Continue) {
				j.Type, j.Description, j.Minimum = c.String(0), c.String(0), new(c.Float64())
			},
			func(o *metav1.ObjectMeta, c randfill.Continue) {
				c.FillNoCustom(o)
				o.CreationTimestamp = metav1.Unix(c.Int63n(1<<32), 0)
				if o.DeletionTimestamp != nil {
					o.DeletionTimestamp = new(metav1.Unix(c.Int63n(1<<32), 0))
				}
				for i := range o.ManagedFields {
					o.ManagedFields[i].FieldsV1 = metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{".":{},"f:a<b":{}}},"k:{\"a\":\"` + strconv.Itoa(i) + `\"}":{}}`)
				}
			},
		}
	}
	return fuzzer.FuzzerFor(fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, own), rand.NewSource(s), oracleCodecs)
}

func jsonMarshal(v any) ([]byte, error)         { return gojson.Marshal(v) }
func jsonMarshalRaw(src []byte) ([]byte, error) { return gojson.Marshal(gojson.RawMessage(src)) }

func setZero(obj runtime.Object) { reflect.ValueOf(obj).Elem().SetZero() }
