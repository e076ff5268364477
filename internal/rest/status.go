package rest

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/request"
)

var statusKind = schema.GroupVersionKind{Version: "v1", Kind: "Status"}

// statusOf is the Status that an error is told as.
func statusOf(err error) *metav1.Status {
	var api apierrors.APIStatus
	if !errors.As(err, &api) {
		return &metav1.Status{Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: err.Error()}
	}
	s := api.Status()
	if s.Status == "" {
		s.Status = metav1.StatusFailure
	}
	if s.Code == 0 {
		s.Code = http.StatusInternalServerError
		if s.Status == metav1.StatusSuccess {
			s.Code = http.StatusOK
		}
	}
	return &s
}

// timedOut is what the reference answers when a request has used up its time; it is JSON, but not said to be.
const timedOut = `{"metadata":{},"status":"Failure","message":"Timeout: request did not complete within the allotted timeout","reason":"Timeout","details":{},"code":504}` + "\n"

// fail answers with an error. It is the only place that does, apart from plain text ones.
func (c *call) fail(err error) {
	if c.w.status != 0 { // too late for an answer: the client must see that it is broken
		c.s.Logger.Warn("an answer broke off", "URI", c.r.RequestURI, "audit-ID", c.req.AuditID, "err", err)
		panic(http.ErrAbortHandler)
	}
	if c.isTimeout(err) {
		h := c.w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		c.w.WriteHeader(http.StatusGatewayTimeout)
		_, _ = c.w.Write([]byte(timedOut))
		return
	}
	s := statusOf(err)
	if s.Code >= 500 && c.r.Context().Err() == nil { // else the client has gone, which is no failure
		c.s.Logger.Warn("a request failed", "method", c.r.Method, "URI", c.r.RequestURI, "audit-ID", c.req.AuditID, "code", s.Code, "err", err)
	}
	if s.Details != nil && s.Details.RetryAfterSeconds > 0 {
		c.w.Header().Set("Retry-After", strconv.Itoa(int(s.Details.RetryAfterSeconds)))
	}
	m, ok := c.negotiate(offer{status: true})
	if !ok {
		// Nothing that the client accepts is there for errors: it gets them in JSON, for human eyes.
		m = media{pretty: true}
	}
	c.writeStatus(int(s.Code), m, s)
}

func (c *call) writeStatus(code int, m media, s *metav1.Status) {
	b, err := object.EncodeAny(nil, m.enc, statusKind, s)
	if err != nil {
		http.Error(&c.w, fmt.Sprintf("%s: %s", s.Reason, s.Message), code)
		return
	}
	c.write(code, m, b)
}

// The errors of routing, in the words of the library that routes in the reference.

func routeError(code int, text string) error {
	return apierrors.NewGenericServerResponse(code, "", schema.GroupResource{}, "", text, 0, false)
}

func notRouted() error        { return routeError(http.StatusNotFound, "") }
func methodNotAllowed() error { return routeError(http.StatusMethodNotAllowed, "") }
func mediaTypeNotRouted() error {
	return routeError(http.StatusUnsupportedMediaType, "415: Unsupported Media Type")
}

func notAcceptedByRoute(list string) error {
	return routeError(http.StatusNotAcceptable, "406: Not Acceptable\n\nAvailable representations: "+list)
}

var sanitizer = strings.NewReplacer(`&`, "&amp;", `<`, "&lt;", `>`, "&gt;")

// internalError answers with what went wrong before anything was known of the request.
func internalError(w http.ResponseWriter, r *http.Request, err error) {
	http.Error(w, sanitizer.Replace(fmt.Sprintf("Internal Server Error: %q: %v", r.RequestURI, err)), http.StatusInternalServerError)
}

// forbidden is the refusal of an authorizer.
func forbidden(user *request.User, in *request.Info, reason string) error {
	var what string
	switch {
	case !in.IsResource:
		what = fmt.Sprintf("User %q cannot %s path %q", user.Name, in.Verb, in.Path)
	default:
		resource := in.Resource
		if in.Subresource != "" {
			resource += "/" + in.Subresource
		}
		where := "at the cluster scope"
		if in.Namespace != "" {
			where = fmt.Sprintf("in the namespace %q", in.Namespace)
		}
		what = fmt.Sprintf("User %q cannot %s resource %q in API group %q %s", user.Name, in.Verb, resource, in.Group, where)
	}
	what = sanitizer.Replace(what)
	if reason != "" {
		what += ": " + reason
	}
	return apierrors.NewForbidden(schema.GroupResource{Group: in.Group, Resource: in.Resource}, in.Name, errors.New(what))
}
