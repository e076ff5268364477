package rest

import (
	"errors"
	"fmt"
	"io"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/object"
)

// body reads the request's body, up to the limit. verb is the write's name in the metrics.
func (c *call) body(verb string) ([]byte, error) {
	limit, size := c.s.Limits.Body, c.r.ContentLength
	if c.r.Body == nil || size == 0 {
		return nil, nil
	}
	var b []byte
	var err error
	switch {
	case limit > 0 && size > limit:
		return nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d", limit))
	case size > 0:
		b = make([]byte, size)
		_, err = io.ReadFull(c.r.Body, b)
	case limit > 0:
		b, err = io.ReadAll(io.LimitReader(c.r.Body, limit+1))
		if err == nil && int64(len(b)) > limit {
			err = apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d", limit))
		}
	default:
		b, err = io.ReadAll(c.r.Body)
	}
	if err != nil {
		return nil, err
	}
	in := &c.req.Info
	c.s.Metrics.BodySize(in.Group, in.Resource, verb, len(b))
	c.mark("body")
	return b, nil
}

// bodyCodec reads and writes what the target's writes take: the resource's objects, or those of the subresource's
// own kind.
func (c *call) bodyCodec() *object.Codec {
	if s := c.t.Sub; s != nil && !s.Parent && s.Body != nil {
		return &object.Codec{Kind: s.Kind, New: s.Body}
	}
	return c.t.Version.Codec
}

// decode reads the body of a create or update.
func (c *call) decode(e object.Encoding, body []byte, fieldValidation string) (object.Object, error) {
	codec := c.bodyCodec()
	obj, found, err := codec.Decode(e, body, fieldValidation != metav1.FieldValidationIgnore)
	if scale := codec.New != nil && c.t.Version.Codec.New == nil; scale && (err != nil || len(found) > 0 && fieldValidation == metav1.FieldValidationStrict) {
		// The reference fails to find the words for a bad scale of a custom resource.
		return nil, apierrors.NewBadRequest(object.Unregistered("v1.Scale"))
	}
	if err != nil {
		return nil, apierrors.NewBadRequest(c.refusal(codec, err, body))
	}
	if prune := c.t.Version.Prune; prune != nil && codec == c.t.Version.Codec {
		// Strict decoding of CBOR does not know of schemas.
		unknown, err := prune(obj, fieldValidation != metav1.FieldValidationIgnore && e != object.CBOR)
		if err != nil {
			got := obj.GetObjectKind().GroupVersionKind()
			return nil, apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: %v", got.Kind, got.Version, codec.Kind.Kind, err))
		}
		found = append(found, unknown...)
	}
	if len(found) > 0 {
		if fieldValidation == metav1.FieldValidationStrict {
			got := obj.GetObjectKind().GroupVersionKind()
			if got.Version == "" {
				return nil, apierrors.NewBadRequest(runtime.NewMissingVersionErr("object has no apiVersion field").Error())
			}
			return nil, apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: strict decoding error: %s",
				got.Kind, got.Version, got.Kind, strings.Join(found, ", ")))
		}
		for _, w := range found {
			c.warnDecoding(w)
		}
	}
	if codec.New == nil {
		if got := obj.GetObjectKind().GroupVersionKind(); got.GroupVersion() != codec.Kind.GroupVersion() {
			return nil, apierrors.NewBadRequest(wrongVersion(got.GroupVersion(), codec.Kind.GroupVersion()))
		} else if got.Kind != codec.Kind.Kind && c.t.Version.Prune == nil { // a custom kind's validation says it
			return nil, apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: no kind %q is registered for version %q",
				got.Kind, got.Version, codec.Kind.Kind, got.Kind, got.GroupVersion()))
		}
	}
	c.mark("decoded")
	return obj, nil
}

// warnDecoding warns of one finding of strict decoding. YAML's are told together, a line each.
func (c *call) warnDecoding(text string) {
	for _, prefix := range []string{"yaml: unmarshal errors:\n", "error converting YAML to JSON: yaml: unmarshal errors:\n"} {
		if lines, ok := strings.CutPrefix(text, prefix); ok {
			for line := range strings.SplitSeq(lines, "\n") {
				c.req.Warn(strings.TrimSpace(line))
			}
			return
		}
	}
	c.req.Warn(text)
}

func wrongVersion(got, want schema.GroupVersion) string {
	return fmt.Sprintf("the API version in the data (%s) does not match the expected API version (%v)", got, want)
}

// refusal is the message for a body that is not an object of the codec's kind.
func (c *call) refusal(codec *object.Codec, err error, body []byte) string {
	var k *object.KindError
	if !errors.As(err, &k) {
		return codec.BadRequest(err, body)
	}
	return k.Message(func(kind schema.GroupVersionKind) bool { return c.isServed(kind) || c.t.Resource.Of(kind) != nil })
}

// isServed says whether the server has the kind.
func (c *call) isServed(kind schema.GroupVersionKind) bool {
	g := c.s.Catalog.Load().Group(kind.Group)
	if g == nil {
		return false
	}
	for _, v := range g.Versions {
		for _, r := range v.Rows {
			if r.Version != nil && r.Version.Codec.Kind == kind {
				return true
			}
		}
	}
	return false
}
