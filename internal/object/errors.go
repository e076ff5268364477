package object

import (
	"encoding/hex"
	"fmt"
	"strings"

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

// KindError says that the bytes are an object of another kind or version than expected; they were not read any
// further. Whether the server has that other kind only the caller knows: Message makes the answer of it.
type KindError struct {
	Got, Want schema.GroupVersionKind
}

// schemeName is what the reference, as it is built from its module, calls its type registry in messages.
const schemeName = "pkg/runtime/scheme.go:111"

// Unregistered is the text for a Go type that the reference's registry at hand does not have.
func Unregistered(goType string) string {
	return fmt.Sprintf("no kind is registered for the type %s in scheme %q", goType, schemeName)
}

// Error is the text for a kind that the server does not have.
func (e *KindError) Error() string {
	return fmt.Sprintf("no kind %q is registered for version %q in scheme %q", e.Got.Kind, e.Got.GroupVersion(), schemeName)
}

// Message is the message of the 400 that answers it; known says which kinds the server has.
func (e *KindError) Message(known func(schema.GroupVersionKind) bool) string {
	switch {
	case !known(e.Got):
		return badRequest(e.Got, e.Want.Kind, e.Error())
	case e.Got.Kind == e.Want.Kind && goPackage(e.Got) == goPackage(e.Want):
		return fmt.Sprintf("the API version in the data (%s) does not match the expected API version (%v)",
			e.Got.GroupVersion(), e.Want.GroupVersion())
	}
	return badRequest(e.Got, e.Want.Kind, fmt.Sprintf("converting (%s.%s) to (%s.%s): unknown conversion",
		e.Got.Version, e.Got.Kind, goPackage(e.Want), e.Want.Kind))
}

// goPackage is the Go package of the reference's unversioned type, which its messages mention.
func goPackage(k schema.GroupVersionKind) string {
	switch {
	case k.Group == "" || k.Group == "events.k8s.io":
		return "core"
	case k.Group == "internal.apiserver.k8s.io":
		return "apiserverinternal"
	case k.Group == "extensions" && (k.Kind == "Ingress" || k.Kind == "NetworkPolicy"):
		return "networking"
	case k.Group == "extensions":
		return "apps"
	}
	name, _, _ := strings.Cut(k.Group, ".")
	return name
}

// BadRequest is the message of the 400 that answers a body which Decode refused with err; a *KindError counts as a
// kind that the server does not have.
func (c *Codec) BadRequest(err error, body []byte) string {
	if e, ok := err.(*KindError); ok {
		return badRequest(e.Got, e.Want.Kind, e.Error())
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
