package discovery

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/munnerz/goautoneg"

	"github.com/pintle-io/pintle/internal/resource"
	pschema "github.com/pintle-io/pintle/internal/schema"
)

// OpenAPIConfig is what an OpenAPI is made of.
type OpenAPIConfig struct {
	Snapshot func() *resource.Snapshot
	Schemas  *pschema.Builtin
	Version  string // what documents tell, "1.36"
	// Build tells builds of the server apart: clients keep documents for as long as their hashes stay the same.
	Build string
	// Custom returns what a custom resource's definition says of a version. Nil describes it as any object. It is called
	// when a document is made, never for an index.
	Custom func(*resource.Version) CustomSchema
	// CustomHash returns something short that changes whenever what Custom returns does, and is the same on every server
	// of one store: uid and generation of the definition. Nil: what Custom returns is hashed.
	CustomHash func(*resource.Version) string
	Clock      func() time.Time
}

// OpenAPI serves /openapi/v2, /openapi/v3 and the documents below it. A document's hash is computed from what the
// document is made of; the document itself is made when someone asks for it, and kept compressed for as long as its hash
// stays and there is room.
type OpenAPI struct {
	OpenAPIConfig

	mu    sync.Mutex
	state state
	base  []byte // what every hash begins with
	docs  documents
	room  int // in bytes, for docs

	v2 [2]v2 // JSON and protobuf
}

// NewOpenAPI returns the handler of /openapi/v2 and /openapi/v3.
func NewOpenAPI(c OpenAPIConfig) *OpenAPI {
	o := &OpenAPI{OpenAPIConfig: c, room: documentRoom}
	o.v2[1].protobuf = true
	return o
}

const (
	openapiRoot = "/openapi/v3"
	v2Path      = "/openapi/v2"
)

// ServeHTTP serves the index and the documents, to any method.
func (o *OpenAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case v2Path:
		o.serveV2(w, r)
		return
	case openapiRoot:
		o.serveIndex(w, r)
		return
	}
	path, _ := strings.CutPrefix(r.URL.Path, openapiRoot+"/")
	s := o.current()
	e := s.byPath[path]
	if e == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	o.serveDocument(w, r, s, e)
}

// serveIndex lists where the documents are.
func (o *OpenAPI) serveIndex(w http.ResponseWriter, r *http.Request) {
	type entry struct {
		URL string `json:"serverRelativeURL"`
	}
	var index struct {
		Paths map[string]entry `json:"paths"`
	}
	s := o.current()
	index.Paths = make(map[string]entry, len(s.list))
	for _, e := range s.list {
		index.Paths[e.path] = entry{documentURL(e)}
	}
	b, err := json.Marshal(index)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	// The index has no ETag, and a second is long: whoever asks whether it has changed since gets all of it.
	r.Header.Del("If-Modified-Since")
	http.ServeContent(w, r, "", o.now(), bytes.NewReader(b))
}

func documentURL(e *entry) string {
	return (&url.URL{Path: openapiRoot + "/" + e.path, RawQuery: "hash=" + e.hash.String()}).String()
}

// The media types of documents, without "application/". The ones with an @ are what older clients ask for.
const (
	openapiJSON = "json"
	v3Protobuf  = "com.github.proto-openapi.spec.v3.v1.0+protobuf"
	v2Protobuf  = "com.github.proto-openapi.spec.v2.v1.0+protobuf"
)

// negotiateOpenAPI says whether the answer is to be JSON or protobuf, or writes a refusal.
func negotiateOpenAPI(w http.ResponseWriter, r *http.Request, protobufType string) (protobuf, ok bool) {
	w.Header().Add("Vary", "Accept")
	accept := r.Header.Get("Accept")
	if accept == "" {
		accept = "*/*"
	}
	for _, clause := range goautoneg.ParseAccept(accept) {
		if clause.Type != "application" && clause.Type != "*" {
			continue
		}
		switch clause.SubType {
		case openapiJSON, "*":
			w.Header().Set("Content-Type", "application/"+openapiJSON)
			return false, true
		case protobufType, strings.Replace(protobufType, ".v1.0", "@v1.0", 1):
			w.Header().Set("Content-Type", "application/"+protobufType)
			return true, true
		}
	}
	w.WriteHeader(http.StatusNotAcceptable)
	return false, false
}

func (o *OpenAPI) serveDocument(w http.ResponseWriter, r *http.Request, s state, e *entry) {
	protobuf, ok := negotiateOpenAPI(w, r, v3Protobuf)
	if !ok {
		return
	}
	h := w.Header()
	hash := e.hash.String()
	h.Set("ETag", strconv.Quote(hash))
	if asked := r.URL.Query().Get("hash"); asked != "" {
		if asked != hash {
			http.Redirect(w, r, documentURL(e), http.StatusMovedPermanently)
			return
		}
		// What the hash names never changes.
		h.Set("Cache-Control", "public, immutable")
		h.Set("Expires", o.now().AddDate(1, 0, 0).Format(time.RFC1123))
	}
	doc, made, err := o.doc(s, docKey{e.path, e.hash, protobuf})
	serve(w, r, doc.gzip, doc.plain, made, err)
}

func (o *OpenAPI) serveV2(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept-Encoding")
	protobuf, ok := negotiateOpenAPI(w, r, v2Protobuf)
	if !ok {
		return
	}
	s := o.current()
	w.Header().Set("ETag", strconv.Quote(s.all.String()))
	which := &o.v2[0]
	if protobuf {
		which = &o.v2[1]
	}
	doc, made, err := which.get(o, s)
	serve(w, r, doc.gzip, func() io.ReadSeeker { return which.plain(doc) }, made, err)
}

// serve sends a document as it is kept to whoever takes gzip, else plain.
func serve(w http.ResponseWriter, r *http.Request, gzip, plain func() io.ReadSeeker, made time.Time, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	var content io.ReadSeeker
	if acceptsGzip(r) && r.Header.Get("Range") == "" {
		if !slices.Contains(w.Header()["Vary"], "Accept-Encoding") {
			w.Header().Add("Vary", "Accept-Encoding")
		}
		w.Header().Set("Content-Encoding", "gzip")
		content = gzip()
	} else {
		content = plain()
	}
	http.ServeContent(w, r, "", made, content)
}

// doc makes a document unless it is there.
func (o *OpenAPI) doc(s state, key docKey) (pieces, time.Time, error) {
	o.mu.Lock()
	d := o.docs.get(key)
	o.mu.Unlock()
	d.once.Do(func() {
		d.made = o.now()
		d.doc, d.err = o.make(s.snapshot, key)
		o.mu.Lock()
		o.docs.keep(d, o.room)
		o.mu.Unlock()
	})
	return d.doc, d.made, d.err
}

// make writes a document and compresses it.
func (o *OpenAPI) make(s *resource.Snapshot, key docKey) (pieces, error) {
	d, err := o.document(s, key.path)
	if err != nil {
		return nil, err
	}
	var b []byte
	if key.protobuf {
		b = (&protoWriter{yaml: map[string]string{}}).document(d)
	} else if b, err = json.Marshal(d); err != nil {
		return nil, err
	}
	p := newPacker()
	p.Write(b)
	return pieces{p.finish()}, nil
}

func (o *OpenAPI) now() time.Time {
	if o.Clock != nil {
		return o.Clock()
	}
	return time.Now()
}

// documentHash is written in hexadecimal.
type documentHash [64]byte

func (h documentHash) String() string { return fmt.Sprintf("%X", h[:]) }
