package discovery

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/munnerz/goautoneg"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/object"
)

// What clients are told.
const (
	notFound         = "the server could not find the requested resource"
	methodNotAllowed = "the server does not allow this method on the requested resource"
)

type format struct {
	encoding      object.Encoding
	name, subtype string
}

// formats are the media types that discovery is written in, by preference.
var formats = []format{
	{object.JSON, "application/json", "json"},
	{object.YAML, "application/yaml", "yaml"},
	{object.Protobuf, "application/vnd.kubernetes.protobuf", "vnd.kubernetes.protobuf"},
	{object.CBOR, "application/cbor", "cbor"},
}

// offered are those for a path: only the resources of a version are written in CBOR too.
func offered(path string) []format {
	if parts := strings.Split(strings.Trim(path, "/"), "/"); len(parts) > 2 || len(parts) == 2 && parts[0] == "api" {
		return formats
	}
	return formats[:3]
}

// acceptedTypes tells clients what is offered for a path.
func acceptedTypes(path string) string {
	var all []string
	for _, f := range offered(path) {
		all = append(all, f.name)
	}
	return strings.Join(all, ", ")
}

// answer is how a client wants to be answered.
type answer struct {
	encoding  object.Encoding
	pretty    bool
	aggregate bool
	gzip      bool // where it pays
}

// worthGzip is the size in bytes from which on answers are compressed for those who accept it.
const worthGzip = 128 << 10

// negotiate reads the Accept header. aggregable says that aggregated discovery may be asked for.
func negotiate(r *http.Request, aggregable bool) (answer, bool) {
	header := r.Header.Get("Accept")
	packed := acceptsGzip(r)
	if header == "" {
		return answer{pretty: prettyByRequest(r), gzip: packed}, true
	}
	for _, clause := range goautoneg.ParseAccept(header) {
		for _, f := range offered(r.URL.Path) {
			if !(clause.Type == "*" && clause.SubType == "*" ||
				clause.Type == "application" && (clause.SubType == "*" || clause.SubType == f.subtype)) {
				continue
			}
			a := answer{encoding: f.encoding, gzip: packed}
			if !a.take(clause.Params, aggregable) {
				continue
			}
			a.pretty = a.encoding == object.JSON && (a.pretty || prettyByRequest(r))
			return a, true
		}
	}
	return answer{}, false
}

// take reads the parameters of a clause and says whether it can be met.
func (a *answer) take(params map[string]string, aggregable bool) bool {
	var as schema.GroupVersionKind
	convert := false
	for k, v := range params {
		switch k {
		case "as":
			as.Kind, convert = v, true
		case "g":
			as.Group, convert = v, true
		case "v":
			as.Version, convert = v, true
		case "stream":
			if v != "" && v != "watch" {
				return false
			}
		case "sv":
			if v != "" {
				return false
			}
		case "pretty":
			a.pretty = v == "1"
		}
	}
	a.aggregate = convert
	return !convert || aggregable && as == aggregateKind
}

// prettyByRequest says whether the request asks for indented JSON, or its client looks like a person's.
func prettyByRequest(r *http.Request) bool {
	if strings.Contains(r.URL.RawQuery, "pretty") {
		if v := r.URL.Query().Get("pretty"); v != "" {
			pretty, _ := strconv.ParseBool(v)
			return pretty
		}
	}
	agent := r.UserAgent()
	return strings.HasPrefix(agent, "curl") || strings.HasPrefix(agent, "Wget") || strings.HasPrefix(agent, "Mozilla/5.0")
}

func (a answer) mediaType() string {
	for _, f := range formats {
		if f.encoding == a.encoding {
			return f.name
		}
	}
	return ""
}

// write answers with an object.
func (a answer) write(w http.ResponseWriter, code int, kind schema.GroupVersionKind, obj runtime.Object) {
	b, err := encode(a.encoding, kind, obj)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", a.mediaType())
	a.bytes(w, code, b)
}

// bytes answers with an encoded object: indented JSON ends without a newline, other JSON with one.
func (a answer) bytes(w http.ResponseWriter, code int, b []byte) {
	end := ""
	switch {
	case a.pretty:
		var indented bytes.Buffer
		if json.Indent(&indented, b, "", "  ") == nil {
			b = indented.Bytes()
		}
	case a.encoding == object.JSON:
		end = object.Newline
	}
	if a.gzip && len(b) > worthGzip {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Add("Vary", "Accept-Encoding")
		w.WriteHeader(code)
		z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // errs on wrong levels only
		z.Write(b)
		io.WriteString(z, end)
		z.Close()
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(b)+len(end)))
	w.WriteHeader(code)
	w.Write(b)
	io.WriteString(w, end)
}

// acceptsGzip says whether a client takes compressed answers.
func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, _, _ := strings.Cut(part, ";")
		if strings.TrimSpace(name) == "gzip" {
			return true
		}
	}
	return false
}

// get refuses all but GET.
func get(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet {
		return true
	}
	writeStatus(w, r, http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed, methodNotAllowed)
	return false
}

func writeStatus(w http.ResponseWriter, r *http.Request, code int, reason metav1.StatusReason, message string) {
	status := &metav1.Status{Status: metav1.StatusFailure, Message: message, Reason: reason, Details: &metav1.StatusDetails{}, Code: int32(code)}
	if a, ok := negotiate(r, false); ok {
		a.write(w, code, v1.WithKind("Status"), status)
		return
	}
	writePlain(w, status)
}

// isService says whether kube-apiserver serves the path as a REST service: those look at the media types before their
// parameters, take no part types, and word a refusal in their own way. /apis and /apis/GROUP are none.
func isService(path string) bool {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	return parts[0] == "api" || len(parts) > 2
}

// names says whether an Accept header has one of the media types, whatever their parameters.
func names(accept string, offer []format) bool {
	if accept == "" {
		return true
	}
	for clause := range strings.SplitSeq(accept, ",") {
		name, _, _ := strings.Cut(clause, ";")
		name = strings.TrimSpace(name)
		if name == "*/*" {
			return true
		}
		for _, f := range offer {
			if f.name == name {
				return true
			}
		}
	}
	return false
}

// writePlain answers a client that nothing can be negotiated with.
func writePlain(w http.ResponseWriter, status *metav1.Status) {
	status.Kind, status.APIVersion = "Status", "v1"
	b, err := json.MarshalIndent(status, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(status.Code))
	w.Write(b)
}
