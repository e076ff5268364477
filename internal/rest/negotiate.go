package rest

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/munnerz/goautoneg"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/object"
)

// The media types, by object.Encoding.
var mediaTypes = [object.Encodings]string{
	object.JSON:     "application/json",
	object.YAML:     "application/yaml",
	object.Protobuf: "application/vnd.kubernetes.protobuf",
	object.CBOR:     "application/cbor",
}

// What errors say is accepted: what the reference says when its feature gate for CBOR is on, which is always served
// here.
const (
	listed        = "application/json, application/yaml, application/vnd.kubernetes.protobuf, application/cbor"
	listedStreams = "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch, application/cbor-seq"
)

// form is what of an object, and in which shape, is answered.
type form uint8

const (
	asIs form = iota
	asPartial
	asPartialList
	asTable
)

// media is how an answer is given.
type media struct {
	enc     object.Encoding
	pretty  bool // JSON only
	as      form
	v1beta1 bool // of meta.k8s.io
}

// offer is what an endpoint can answer with.
type offer struct {
	tree    bool // no protobuf for objects as they are
	noTable bool
	status  bool // only plain answers: an error is written
}

// clause is one part of an Accept header.
type clause struct {
	typ, sub string
	pretty   bool
	stream   string
	sv       string
	convert  bool // as, g or v is there
	as       form
	known    bool // what as, g and v ask for exists
	v1beta1  bool
}

// accept is an Accept header, read.
type accept struct {
	clauses []clause
	has     [object.Encodings]bool // as the router sees it: exact media types
	any     bool
	text    bool // text/plain
}

// acceptCache keeps the headers that have been read: clients send the same few.
type acceptCache struct {
	m sync.Map // string -> *accept
	n atomic.Int32
}

const acceptsKept = 100

func (a *acceptCache) get(header string) *accept {
	if v, ok := a.m.Load(header); ok {
		return v.(*accept)
	}
	p := parseAccept(header)
	if a.n.Load() < acceptsKept && len(header) < 1024 {
		if _, loaded := a.m.LoadOrStore(header, p); !loaded {
			a.n.Add(1)
		}
	}
	return p
}

func parseAccept(header string) *accept {
	p := &accept{any: header == ""}
	for part := range strings.SplitSeq(header, ",") {
		part, _, _ = strings.Cut(part, ";")
		part = strings.TrimSpace(part)
		p.any = p.any || part == "*/*"
		p.text = p.text || part == "text/plain"
		for e, t := range mediaTypes {
			p.has[e] = p.has[e] || part == t
		}
	}
	for _, a := range goautoneg.ParseAccept(header) {
		c := clause{typ: a.Type, sub: a.SubType, pretty: a.Params["pretty"] == "1", stream: a.Params["stream"], sv: a.Params["sv"]}
		as, hasAs := a.Params["as"]
		g, hasG := a.Params["g"]
		v, hasV := a.Params["v"]
		c.convert = hasAs || hasG || hasV
		if c.convert && g == "meta.k8s.io" && (v == "v1" || v == "v1beta1") {
			c.known, c.v1beta1 = true, v == "v1beta1"
			switch as {
			case "Table":
				c.as = asTable
			case "PartialObjectMetadata":
				c.as = asPartial
			case "PartialObjectMetadataList":
				c.as = asPartialList
			default:
				c.known = false
			}
		}
		p.clauses = append(p.clauses, c)
	}
	return p
}

// routable says whether the header names any media type that a route of the API answers in.
func (a *accept) routable(o offer) bool {
	return a.any || a.has[object.JSON] || a.has[object.YAML] || a.has[object.Protobuf] || a.has[object.CBOR]
}

// choose finds the first thing that is both asked for and offered.
func (a *accept) choose(o offer) (media, bool) {
	for i := range a.clauses {
		c := &a.clauses[i]
		for e := object.JSON; e < object.Encodings; e++ {
			_, sub, _ := strings.Cut(mediaTypes[e], "/")
			if c.typ != "*" && c.typ != "application" || c.sub != "*" && c.sub != sub || c.typ == "*" && c.sub != "*" {
				continue
			}
			if c.stream != "" && (c.stream != "watch" || !e.Streams()) {
				continue
			}
			if c.sv != "" && (c.sv != "v1" || o.status) {
				continue
			}
			if c.convert {
				if o.status || !c.known || c.as == asTable && (o.noTable || e != object.JSON && e != object.YAML) {
					continue
				}
			} else if o.tree && e == object.Protobuf && !o.status {
				continue
			}
			return media{enc: e, pretty: c.pretty, as: c.as, v1beta1: c.v1beta1}, true
		}
	}
	return media{}, false
}

// negotiate chooses how the request is answered.
func (c *call) negotiate(o offer) (media, bool) {
	m, ok := media{}, true
	switch header := c.r.Header.Get("Accept"); header {
	case "", "*/*", "application/json":
	default:
		m, ok = c.s.accepts.get(header).choose(o)
	}
	if m.enc == object.JSON {
		m.pretty = m.pretty || c.wantsPretty()
	}
	return m, ok
}

// wantsPretty says whether the answer is for human eyes.
func (c *call) wantsPretty() bool {
	if strings.Contains(c.r.URL.RawQuery, "pretty") {
		if v := c.query().Get("pretty"); v != "" {
			pretty, _ := strconv.ParseBool(v)
			return pretty
		}
	}
	ua := c.r.UserAgent()
	return strings.HasPrefix(ua, "curl") || strings.HasPrefix(ua, "Wget") || strings.HasPrefix(ua, "Mozilla/5.0")
}

// bodyEncoding is the encoding of the request's body.
func bodyEncoding(contentType string, tree bool) (object.Encoding, error) {
	switch contentType {
	case "", mediaTypes[object.JSON]:
		return object.JSON, nil
	case mediaTypes[object.Protobuf]:
		if !tree {
			return object.Protobuf, nil
		}
	}
	if t, _, err := mime.ParseMediaType(contentType); err == nil {
		for e := object.JSON; e < object.Encodings; e++ {
			if t == mediaTypes[e] && !(tree && e == object.Protobuf) {
				return e, nil
			}
		}
	}
	return 0, unsupportedMediaType(listed)
}

// mediaError is an error of negotiation. It is no apierrors.StatusError, whose details would be written.
type mediaError struct {
	code   int32
	reason metav1.StatusReason
	text   string
}

func (e *mediaError) Error() string { return e.text }

// Status implements apierrors.APIStatus.
func (e *mediaError) Status() metav1.Status {
	return metav1.Status{Status: metav1.StatusFailure, Code: e.code, Reason: e.reason, Message: e.text}
}

func notAcceptable(text string) error {
	return &mediaError{http.StatusNotAcceptable, metav1.StatusReasonNotAcceptable, text}
}

func onlyAccepted(list string) error {
	return notAcceptable("only the following media types are accepted: " + list)
}

func unsupportedMediaType(list string) error {
	return &mediaError{http.StatusUnsupportedMediaType, metav1.StatusReasonUnsupportedMediaType,
		fmt.Sprintf("the body of the request was in an unknown format - accepted media types include: %s", list)}
}
