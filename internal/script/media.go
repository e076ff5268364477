package script

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"strings"
	"sync"

	fxcbor "github.com/fxamacker/cbor/v2"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	cbor "k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

const (
	mediaJSON     = "application/json"
	mediaProtobuf = "application/vnd.kubernetes.protobuf"
)

// scheme knows the built-in kinds and the kinds that any of them can be shown as.
var scheme = sync.OnceValue(func() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientscheme.AddToScheme, apiextensionsv1.AddToScheme, metav1.AddMetaToScheme} {
		if err := add(s); err != nil {
			panic(err) // two kinds of one name: a bug in the libraries
		}
	}
	metav1.AddToGroupVersion(s, schema.GroupVersion{Version: "v1"})
	return s
})

// mediaType is a content type without its parameters.
func mediaType(contentType string) string {
	m, _, _ := mime.ParseMediaType(contentType)
	return m
}

func isJSON(media string) bool { return media == mediaJSON || strings.HasSuffix(media, "+json") }
func isYAML(media string) bool {
	return media == "application/yaml" || strings.HasSuffix(media, "+yaml")
}
func isCBOR(media string) bool {
	return media == "application/cbor" || strings.HasSuffix(media, "+cbor") || strings.HasSuffix(media, "cbor-seq")
}

// decode turns a body into a tree of maps, slices, strings, json.Numbers,
// booleans and nil; ok is false for a body that is text.
func decode(contentType string, body []byte) (tree any, ok bool, err error) {
	switch media := mediaType(contentType); {
	case len(body) == 0:
		return nil, false, nil
	case isJSON(media):
		tree, err = jsonTree(body)
	case isYAML(media):
		var j []byte
		if j, err = yaml.YAMLToJSON(body); err == nil {
			tree, err = jsonTree(j)
		}
	case isCBOR(media):
		tree, err = cborTree(body)
	case media == mediaProtobuf:
		tree, err = protobufTree(body)
	default:
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w: %.200q", contentType, err, body)
	}
	return tree, true, nil
}

func jsonTree(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var tree any
	err := d.Decode(&tree)
	return tree, err
}

func cborTree(data []byte) (any, error) {
	var v any
	if err := cbor.Unmarshal(data, &v); err != nil {
		return nil, err
	}
	// Through JSON, so that all trees hold the same Go types.
	j, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return jsonTree(j)
}

func jsonToCBOR(data []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	var v any
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return cbor.Marshal(numbers(v))
}

// numbers makes int64 and float64 of json.Number, which CBOR would take for text.
func numbers(v any) any {
	switch t := v.(type) {
	case map[string]any:
		for k := range t {
			t[k] = numbers(t[k])
		}
	case []any:
		for i := range t {
			t[i] = numbers(t[i])
		}
	case json.Number:
		if i, err := t.Int64(); err == nil {
			return i
		}
		f, _ := t.Float64()
		return f
	}
	return v
}

func serializer() *protobuf.Serializer { return protobuf.NewSerializer(scheme(), scheme()) }

// protobufTree decodes a message with its k8s envelope.
func protobufTree(data []byte) (any, error) {
	var u runtime.Unknown
	if !bytes.HasPrefix(data, []byte("k8s\x00")) {
		return nil, fmt.Errorf("no envelope")
	}
	if err := u.Unmarshal(data[4:]); err != nil {
		return nil, err
	}
	gvk := schema.FromAPIVersionAndKind(u.APIVersion, u.Kind)
	if gvk.Version == "" {
		gvk.Version = "v1" // discovery answers without one
	}
	obj, err := scheme().New(gvk)
	if err != nil {
		return unknownTree(u), nil
	}
	m, ok := obj.(interface{ Unmarshal([]byte) error })
	if !ok {
		return unknownTree(u), nil
	}
	if err := m.Unmarshal(u.Raw); err != nil {
		return nil, err
	}
	tree, err := objectTree(obj)
	if o, ok := tree.(map[string]any); ok {
		o["apiVersion"], o["kind"] = u.APIVersion, u.Kind
	}
	return tree, err
}

// unknownTree shows the envelope of a message whose kind has no Go type here.
func unknownTree(u runtime.Unknown) any {
	return map[string]any{"apiVersion": u.APIVersion, "kind": u.Kind, "raw": base64.StdEncoding.EncodeToString(u.Raw)}
}

func objectTree(obj runtime.Object) (any, error) {
	if t, ok := obj.(*metav1.Table); ok {
		// Rows hold objects as protobuf; show them as objects.
		for i := range t.Rows {
			if raw := t.Rows[i].Object.Raw; len(raw) > 0 && raw[0] != '{' {
				tree, err := protobufTree(raw)
				if err != nil {
					return nil, err
				}
				if t.Rows[i].Object.Raw, err = json.Marshal(tree); err != nil {
					return nil, err
				}
			}
		}
	}
	j, err := json.Marshal(obj)
	if err != nil {
		return nil, err
	}
	return jsonTree(j)
}

func jsonToProtobuf(data []byte) ([]byte, error) {
	var meta metav1.TypeMeta
	if err := json.Unmarshal(data, &meta); err != nil {
		return nil, err
	}
	obj, err := scheme().New(meta.GroupVersionKind())
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, obj); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	err = serializer().Encode(obj, &buf)
	return buf.Bytes(), err
}

// frames yields the events of a watch's body, one tree each.
func frames(contentType string, body io.Reader, yield func(any) bool) error {
	switch media := mediaType(contentType); {
	case isJSON(media):
		d := json.NewDecoder(body)
		d.UseNumber()
		for {
			var tree any
			if err := d.Decode(&tree); err != nil {
				return err
			}
			if !yield(tree) {
				return nil
			}
		}
	case isCBOR(media):
		return cborFrames(body, yield)
	case media == mediaProtobuf:
		return protobufFrames(body, yield)
	default:
		return fmt.Errorf("no stream of events: %q", contentType)
	}
}

// protobufFrames reads events behind a length of four bytes, big endian.
func protobufFrames(body io.Reader, yield func(any) bool) error {
	r := bufio.NewReader(body)
	for {
		var size [4]byte
		if _, err := io.ReadFull(r, size[:]); err != nil {
			return err
		}
		frame := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(r, frame); err != nil {
			return err
		}
		var u runtime.Unknown
		if bytes.HasPrefix(frame, []byte("k8s\x00")) {
			if err := u.Unmarshal(frame[4:]); err != nil {
				return err
			}
			frame = u.Raw
		}
		var e metav1.WatchEvent
		if err := e.Unmarshal(frame); err != nil {
			return err
		}
		obj, err := protobufTree(e.Object.Raw)
		if err != nil {
			return err
		}
		if !yield(map[string]any{"type": e.Type, "object": obj}) {
			return nil
		}
	}
}

// cborFrames reads a CBOR sequence: values back to back.
func cborFrames(body io.Reader, yield func(any) bool) error {
	d := fxcbor.NewDecoder(body)
	for {
		var raw fxcbor.RawMessage
		if err := d.Decode(&raw); err != nil {
			return err
		}
		tree, err := cborTree(raw)
		if err != nil {
			return err
		}
		if !yield(tree) {
			return nil
		}
	}
}
