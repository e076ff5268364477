package object

import (
	"encoding/hex"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// DecodeError is why bytes are not an object of the codec's kind. Its text is the decoder's own; BadRequest has
// the whole sentence that a client is told.
type DecodeError struct {
	// Kind is what the bytes say they are, with the codec's kind where they are silent. It has no Kind when
	// not even that could be found out.
	Kind schema.GroupVersionKind
	Err  error
}

func (e *DecodeError) Error() string { return e.Err.Error() }
func (e *DecodeError) Unwrap() error { return e.Err }

// KindError says that the bytes are an object of another kind or version than the codec's, which they spell
// without fault as far as was looked. Whether that other kind exists only the caller knows; see its text in
// UnknownKind, WrongKind and WrongVersion.
type KindError struct {
	Got, Want schema.GroupVersionKind
}

func (e *KindError) Error() string {
	return fmt.Sprintf("object: the data is of kind %v, expected %v", e.Got, e.Want)
}

// UnknownKind is the answer to data of a kind that the server does not have.
func (e *KindError) UnknownKind() string {
	return badRequest(e.Got, e.Want.Kind, fmt.Sprintf("no kind %q is registered for version %q in scheme %q",
		e.Got.Kind, e.Got.GroupVersion(), "pkg/api/legacyscheme/scheme.go:30"))
}

// WrongVersion is the answer to data of the codec's kind in another version that the server has.
func (e *KindError) WrongVersion() string {
	return fmt.Sprintf("the API version in the data (%s) does not match the expected API version (%v)",
		e.Got.GroupVersion(), e.Want.GroupVersion())
}

// WrongKind is the answer to data of another kind that the server has. The types are as the server's conversion
// spells them, such as "v1.Secret" and "core.ConfigMap".
func (e *KindError) WrongKind(got, want string) string {
	return badRequest(e.Got, e.Want.Kind, fmt.Sprintf("converting (%s) to (%s): unknown conversion", got, want))
}

// BadRequest is the message of the 400 that answers a body which Decode refused with err.
func (c *Codec) BadRequest(err error, body []byte) string {
	if e, ok := err.(*KindError); ok {
		return e.UnknownKind()
	}
	if e, ok := err.(*DecodeError); ok && e.Kind.Kind != "" {
		return badRequest(e.Kind, c.Kind.Kind, e.Err.Error())
	}
	return fmt.Sprintf("the object provided is unrecognized (must be of type %s): %v (%s)", c.Kind.Kind, err, summary(body))
}

func badRequest(got schema.GroupVersionKind, want, why string) string {
	return fmt.Sprintf("%s in version %q cannot be handled as a %s: %s", got.Kind, got.Version, want, why)
}

// summary is the start of a body, in hexadecimal unless it looks like JSON.
func summary(body []byte) string {
	const most = 30
	more := ""
	if len(body) == 0 {
		return "<empty>"
	}
	text := body[0] == '{'
	if len(body) > most {
		body, more = body[:most], " ..."
	}
	if text {
		return string(body) + more
	}
	return hex.EncodeToString(body) + more
}
