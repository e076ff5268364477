package object

import (
	"bytes"
	"errors"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// Decode reads an object of the codec's kind. When strict, the warnings are the texts of what strict decoding
// finds fault with (unknown and duplicate fields), in the reference's order; CBOR finds at most one, protobuf none.
//
// The bytes may leave out apiVersion and kind. When a struct's bytes name others than the codec's, the error is
// a *KindError; a tree is returned as it is, for the caller to compare. Every other error is a *DecodeError.
func (c *Codec) Decode(e Encoding, data []byte, strict bool) (obj Object, warnings []string, err error) {
	if c.New == nil {
		return c.decodeTree(e, data, strict)
	}
	obj = c.New()
	if decodeQuick(e, data, c.Kind, obj, strict) {
		return obj, nil, nil
	}
	obj = c.New()
	if warnings, err = decodeSlow(e, data, c.Kind, obj, strict); err != nil {
		return nil, nil, err
	}
	return obj, warnings, nil
}

// DecodeAny reads any API value into a zero struct: also those without object metadata, such as options, Scale
// or TokenRequest. Warnings and errors are those of Decode.
func DecodeAny(e Encoding, data []byte, kind schema.GroupVersionKind, into runtime.Object, strict bool) (warnings []string, err error) {
	if decodeQuick(e, data, kind, into, strict) {
		return nil, nil
	}
	reflect.ValueOf(into).Elem().SetZero()
	return decodeSlow(e, data, kind, into, strict)
}

// decodeQuick is not ok whenever anything is unusual or wrong; then into may have been written to.
func decodeQuick(e Encoding, data []byte, kind schema.GroupVersionKind, into runtime.Object, strict bool) bool {
	switch e {
	case YAML:
		converted, err := yamlToJSON(data, strict)
		if err != nil {
			return false
		}
		data = converted
		fallthrough
	case JSON:
		return decodeStruct(data, reflect.ValueOf(into), strict) && into.GetObjectKind().GroupVersionKind() == kind
	case Protobuf:
		env, ok := openEnvelope(data)
		if !ok || string(env.kind) != kind.Kind || !isAPIVersion(string(env.apiVersion), kind) {
			return false
		}
		m, ok := into.(protoMessage)
		if !ok || m.Unmarshal(env.raw) != nil {
			return false
		}
		into.GetObjectKind().SetGroupVersionKind(kind)
		return true
	}
	return false
}

// yamlToJSON converts as the reference does, which when strict also looks for duplicate keys.
func yamlToJSON(data []byte, strict bool) ([]byte, error) {
	if strict {
		return yaml.YAMLToJSONStrict(data)
	}
	return yaml.YAMLToJSON(data)
}

// DecodeValue reads any JSON value: integers are int64 and other numbers float64.
func DecodeValue(data []byte) (v any, err error) {
	d := decoder{data: data, names: new([32]string)}
	d.space()
	if v, ok := d.value(); ok {
		if d.space(); d.at == len(data) {
			return v, nil
		}
	}
	err = utiljson.Unmarshal(data, &v)
	return v, err
}

// decodeTree reads a tree, the quick way if it can.
func (c *Codec) decodeTree(e Encoding, data []byte, strict bool) (Object, []string, error) {
	doc := data
	if e == YAML {
		doc, _ = yamlToJSON(data, strict) // nil on failure
	}
	if e == JSON || e == YAML {
		if m, ok := decodeTree(doc); ok {
			u := &unstructured.Unstructured{Object: m}
			// The slow way knows what to say when apiVersion or kind is missing or misspelt.
			if u.GetKind() != "" && u.GetAPIVersion() != "" && strings.Count(u.GetAPIVersion(), "/") <= 1 {
				return u, nil, nil
			}
		}
	}
	u := &unstructured.Unstructured{}
	warnings, err := decodeSlow(e, data, c.Kind, u, strict)
	if err != nil {
		return nil, nil, err
	}
	return u, warnings, nil
}

// decodeSlow is the reference's own way, for what is unusual or wrong.
func decodeSlow(e Encoding, data []byte, kind schema.GroupVersionKind, into runtime.Object, strict bool) (warnings []string, err error) {
	if _, tree := into.(*unstructured.Unstructured); !tree && (e == JSON || e == YAML) && !shallow(data) {
		return nil, &DecodeError{Err: errTooDeep, Kind: kind}
	}
	got, found, err := machinery(e, only{kind, into}, strict).Decode(data, &kind, into)
	if strictErr, ok := runtime.AsStrictDecodingError(err); ok && got != nil {
		warnings, err = texts(strictErr.Errors()), nil
	}
	if err != nil {
		if e, ok := err.(*KindError); ok {
			return nil, e
		}
		d := &DecodeError{Err: err}
		if found != nil {
			d.Kind = *found
		}
		return nil, d
	}
	if _, tree := into.(*unstructured.Unstructured); !tree {
		into.GetObjectKind().SetGroupVersionKind(kind)
	}
	return warnings, nil
}

// maxSlow bounds the slow way in bytes times depth: of schemas, it reads what is below a list or map anew on each level.
const maxSlow = 1 << 28

var errTooDeep = errors.New("the document is too deep to say what is unusual about it")

// shallow says whether a document can be read the slow way in reasonable time.
func shallow(data []byte) bool {
	depth, deepest, inString := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString:
			if c == '\\' {
				i++
			}
			inString = c != '"'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest > maxDepth || deepest*len(data) <= maxSlow // too deep is seen at once
}

// DecodeKind reads only which kind the bytes say they are; both may be empty. The error's text is the decoder's.
func DecodeKind(e Encoding, data []byte) (apiVersion, kind string, err error) {
	var found *schema.GroupVersionKind
	switch e {
	case YAML:
		if data, err = yaml.YAMLToJSON(data); err != nil {
			return "", "", err
		}
		fallthrough
	case JSON:
		found, err = json.DefaultMetaFactory.Interpret(data)
	default:
		// Decoding into an Unknown, or failing to find a kind, tells the kind and leaves the rest alone.
		var unknown runtime.Unknown
		if e == Protobuf {
			_, found, err = machinery(e, only{}, false).Decode(data, nil, &unknown)
		} else {
			found, err = cborKind(data)
		}
	}
	if err != nil {
		return "", "", err
	}
	return found.GroupVersion().String(), found.Kind, nil
}

// machinery is apimachinery's for the encoding.
func machinery(e Encoding, o only, strict bool) runtime.Decoder {
	switch e {
	case Protobuf:
		return protobuf.NewSerializer(o, o)
	case CBOR:
		return cbor.NewSerializer(o, o, cbor.Strict(strict))
	}
	return json.NewSerializerWithOptions(json.DefaultMetaFactory, o, o, json.SerializerOptions{Yaml: e == YAML, Strict: strict})
}

// only is a scheme of one kind: it knows the type of the object to decode into.
type only struct {
	kind schema.GroupVersionKind
	into runtime.Object
}

// New is asked for kinds other than the one to decode into. Options are the same in every group and version.
func (o only) New(kind schema.GroupVersionKind) (runtime.Object, error) {
	if kind.Kind == o.kind.Kind && o.kind.Group == "meta.k8s.io" && strings.HasSuffix(kind.Kind, "Options") {
		return o.into, nil
	}
	return nil, &KindError{Got: kind, Want: o.kind}
}

func (o only) ObjectKinds(runtime.Object) ([]schema.GroupVersionKind, bool, error) {
	return []schema.GroupVersionKind{o.kind}, false, nil
}

func (o only) Recognizes(schema.GroupVersionKind) bool { return false }

func cborKind(data []byte) (*schema.GroupVersionKind, error) {
	// The serializer creates an object for the kind that it has found.
	found := &kindSeen{}
	_, kind, err := cbor.NewSerializer(found, found).Decode(data, nil, nil)
	switch {
	case found.kind != nil:
		return found.kind, nil
	case kind != nil: // it found that one of both is missing
		return kind, nil
	}
	return nil, err
}

// kindSeen is a scheme that only notes which kind it is asked for.
type kindSeen struct{ kind *schema.GroupVersionKind }

func (s *kindSeen) New(kind schema.GroupVersionKind) (runtime.Object, error) {
	s.kind = &kind
	return nil, &KindError{Got: kind}
}
func (s *kindSeen) ObjectKinds(runtime.Object) ([]schema.GroupVersionKind, bool, error) {
	return nil, false, &KindError{}
}
func (s *kindSeen) Recognizes(schema.GroupVersionKind) bool { return false }

func texts(errs []error) []string {
	var list []string
	for _, err := range errs {
		list = append(list, err.Error())
	}
	return list
}

// isProtobuf says whether stored bytes are protobuf; they are JSON otherwise.
func isProtobuf(stored []byte) bool { return bytes.HasPrefix(stored, []byte(magic)) }
