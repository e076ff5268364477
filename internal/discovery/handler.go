package discovery

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// Discovery serves /api, /apis and all group and version documents below them.
type Discovery struct {
	snapshot  func() *resource.Snapshot
	addresses func(*http.Request) []metav1.ServerAddressByClientCIDR

	current atomic.Pointer[aggregates]
}

// New returns the handler of what snapshot returns at the time of each request. addresses says where the server is
// to be found by the sender of a request; it may be nil.
func New(snapshot func() *resource.Snapshot, addresses func(*http.Request) []metav1.ServerAddressByClientCIDR) *Discovery {
	return &Discovery{snapshot: snapshot, addresses: addresses}
}

var (
	v1            = schema.GroupVersion{Version: "v1"}
	aggregateKind = apidiscoveryv2.SchemeGroupVersion.WithKind("APIGroupDiscoveryList")
)

// ServeHTTP answers by the request's path alone. The documents of single versions, and /api, are for GET only; the
// others answer any method, as kube-apiserver's do.
func (d *Discovery) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := d.snapshot()
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case len(parts) == 1 && parts[0] == "api":
		d.root(w, r, s, true)
	case len(parts) == 1 && parts[0] == "apis":
		d.root(w, r, s, false)
	case len(parts) == 2 && parts[0] == "api":
		d.version(w, r, s, "", parts[1])
	case len(parts) == 2 && parts[0] == "apis" && parts[1] != "":
		g := Group(s, parts[1])
		if g == nil {
			http.NotFound(w, r)
			return
		}
		if a, ok := d.accept(w, r, false); ok {
			a.write(w, http.StatusOK, v1.WithKind("APIGroup"), g)
		}
	case len(parts) == 3 && parts[0] == "apis":
		d.version(w, r, s, parts[1], parts[2])
	default:
		writeStatus(w, r, http.StatusNotFound, metav1.StatusReasonNotFound, notFound)
	}
}

// root serves /api or /apis, in either form.
func (d *Discovery) root(w http.ResponseWriter, r *http.Request, s *resource.Snapshot, core bool) {
	if core && !get(w, r) {
		return
	}
	a, ok := d.accept(w, r, true)
	if !ok {
		return
	}
	if a.aggregate {
		d.aggregate(w, r, s, core, a)
		return
	}
	if !core {
		a.write(w, http.StatusOK, v1.WithKind("APIGroupList"), Groups(s))
		return
	}
	var addresses []metav1.ServerAddressByClientCIDR
	if d.addresses != nil {
		addresses = d.addresses(r)
	}
	// The oldest documents do not say their own version.
	a.write(w, http.StatusOK, schema.GroupVersionKind{Kind: "APIVersions"}, Versions(s, addresses))
}

// version serves the resources of one version.
func (d *Discovery) version(w http.ResponseWriter, r *http.Request, s *resource.Snapshot, group, version string) {
	v := groupVersion(s, group, version)
	if group != "" && findGroup(s, group) == nil {
		http.NotFound(w, r) // nobody serves any of it
		return
	}
	if v == nil {
		writeStatus(w, r, http.StatusNotFound, metav1.StatusReasonNotFound, notFound)
		return
	}
	if i := slices.IndexFunc(v.Rows, func(row resource.Row) bool { return row.Remote != nil }); i >= 0 {
		v.Rows[i].Remote.ServeHTTP(w, r)
		return
	}
	if !get(w, r) {
		return
	}
	if a, ok := d.accept(w, r, false); ok {
		kind := v1.WithKind("APIResourceList")
		if group == "" {
			kind.Version = ""
		}
		a.write(w, http.StatusOK, kind, Resources(s, group, version))
	}
}

// accept negotiates: aggregable documents come in two forms. Where it returns false, the refusal has been written.
func (d *Discovery) accept(w http.ResponseWriter, r *http.Request, aggregable bool) (answer, bool) {
	a, ok := negotiate(r, aggregable)
	if isService(r.URL.Path) && !names(r.Header.Get("Accept"), offered(r.URL.Path)) {
		writeStatus(w, r, http.StatusNotAcceptable, metav1.StatusReasonNotAcceptable, "406: Not Acceptable\n\nAvailable representations: "+acceptedTypes(r.URL.Path))
		return a, false
	}
	if !ok {
		writePlain(w, &metav1.Status{Status: metav1.StatusFailure, Message: "only the following media types are accepted: " + acceptedTypes(r.URL.Path),
			Reason: metav1.StatusReasonNotAcceptable, Code: http.StatusNotAcceptable})
	}
	return a, ok
}

// aggregate serves aggregated discovery, which is kept for as long as the snapshot is.
func (d *Discovery) aggregate(w http.ResponseWriter, r *http.Request, s *resource.Snapshot, core bool, a answer) {
	docs := d.aggregates(s)
	etag, parts, err := docs.get(core, a.encoding)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	tag := `"` + etag + `"`
	h := w.Header()
	h.Set("ETag", tag)
	h.Set("Vary", "Accept")
	h.Set("Cache-Control", "public")
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", a.mediaType()+";g="+aggregateKind.Group+";v="+aggregateKind.Version+";as="+aggregateKind.Kind)
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	if a.encoding != object.JSON || a.pretty || !a.gzip || size <= worthGzip {
		a.bytes(w, http.StatusOK, slices.Concat(parts...))
		return
	}
	packed, err := docs.packed(core)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h.Set("Content-Encoding", "gzip")
	h.Add("Vary", "Accept-Encoding")
	io.Copy(w, packed.gzip())
}

// aggregates are the documents of a snapshot, of which the last one's are kept.
func (d *Discovery) aggregates(s *resource.Snapshot) *aggregates {
	have := d.current.Load()
	if have == nil || have.snapshot != s {
		have = have.next(s)
		d.current.Store(have)
	}
	return have
}

// encode writes an object of our own making. Kinds without a version do not write one.
func encode(e object.Encoding, kind schema.GroupVersionKind, obj runtime.Object) ([]byte, error) {
	if kind.Version != "" || e == object.Protobuf {
		return object.EncodeAny(nil, e, kind, obj)
	}
	obj.GetObjectKind().SetGroupVersionKind(kind)
	b, err := json.Marshal(obj)
	if err == nil && e == object.YAML {
		return yaml.JSONToYAML(b)
	}
	return b, err
}
