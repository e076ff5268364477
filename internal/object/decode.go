package object

import (
	"bytes"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"sigs.k8s.io/yaml"
)

// Decode reads an object of the codec's kind. When strict, the warnings are the texts of what strict decoding
// finds fault with (unknown and duplicate fields), in the reference's order; CBOR finds at most one, protobuf none.
//
// The bytes may leave out apiVersion and kind. When a struct's bytes name others than the codec's, the error is
// a *KindError; a tree is returned as it is, for the caller to compare. Every other error is a *DecodeError.
func (c *Codec) Decode(e Encoding, data []byte, strict bool) (obj Object, warnings []string, err error) {
	obj, ok := Object(nil), false
	switch e {
	case JSON:
		obj, ok = c.decodeJSON(data, strict)
	case YAML:
		obj, ok = c.decodeYAML(data, strict)
	case Protobuf:
		obj, ok = c.decodeProtobuf(data)
	}
	if ok {
		return obj, nil, nil
	}
	return c.decodeSlow(e, data, strict)
}

// decodeJSON is the quick way: ok is false whenever anything is unusual.
func (c *Codec) decodeJSON(data []byte, strict bool) (obj Object, ok bool) {
	if c.New == nil {
		m, ok := decodeTree(data)
		if !ok {
			return nil, false
		}
		u := &unstructured.Unstructured{Object: m}
		// The slow way knows what to say when apiVersion or kind is missing or misspelt.
		return u, u.GetKind() != "" && u.GetAPIVersion() != "" && strings.Count(u.GetAPIVersion(), "/") <= 1
	}
	obj = c.New()
	return obj, decodeStruct(data, reflect.ValueOf(obj), strict) && c.isKind(obj)
}

// isKind says whether the object names exactly the codec's kind.
func (c *Codec) isKind(obj Object) bool {
	k := obj.GetObjectKind().GroupVersionKind()
	return k == c.Kind
}

// decodeYAML converts to JSON first, as the reference does: once, unless it finds fault.
func (c *Codec) decodeYAML(data []byte, strict bool) (Object, bool) {
	convert := yaml.YAMLToJSON
	if strict {
		convert = yaml.YAMLToJSONStrict
	}
	converted, err := convert(data)
	if err != nil {
		return nil, false
	}
	return c.decodeJSON(converted, strict)
}

func (c *Codec) decodeProtobuf(data []byte) (Object, bool) {
	env, ok := openEnvelope(data)
	if !ok || c.New == nil || string(env.kind) != c.Kind.Kind || !isAPIVersion(string(env.apiVersion), c.Kind) {
		return nil, false
	}
	obj := c.New()
	m, ok := obj.(protoMessage)
	if !ok || m.Unmarshal(env.raw) != nil {
		return nil, false
	}
	obj.GetObjectKind().SetGroupVersionKind(c.Kind)
	return obj, true
}

// decodeSlow is the reference's own way, for what is unusual or wrong.
func (c *Codec) decodeSlow(e Encoding, data []byte, strict bool) (Object, []string, error) {
	into := runtime.Object(c.NewObject())
	if c.New == nil {
		into = &unstructured.Unstructured{}
	}
	s := machinery(e, only{c.Kind, into}, strict)
	got, kind, err := s.Decode(data, &c.Kind, into)
	warnings := []string(nil)
	if strictErr, ok := runtime.AsStrictDecodingError(err); ok && got != nil {
		warnings, err = texts(strictErr.Errors()), nil
	}
	if err != nil {
		if e, ok := err.(*KindError); ok {
			return nil, nil, e
		}
		d := &DecodeError{Err: err}
		if kind != nil {
			d.Kind = *kind
		}
		return nil, nil, d
	}
	obj := got.(Object)
	if c.New != nil {
		obj.GetObjectKind().SetGroupVersionKind(c.Kind)
	}
	return obj, warnings, nil
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

// New is asked for kinds other than the one to decode into.
func (o only) New(kind schema.GroupVersionKind) (runtime.Object, error) {
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
