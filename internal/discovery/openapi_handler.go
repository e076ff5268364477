package discovery

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
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
	// Custom returns the schema of a custom resource's version as its CustomResourceDefinition has it, in JSON. Nil, or
	// nil returned, describes it as any object.
	Custom func(*resource.Version) []byte
	Clock  func() time.Time
}

// OpenAPI serves /openapi/v3 and the documents below it. A document's hash is computed from what the document is
// made of; the document itself is made when someone asks for it, and kept compressed for as long as its hash stays.
type OpenAPI struct {
	OpenAPIConfig

	mu       sync.Mutex
	snapshot *resource.Snapshot // that the rest is of
	made     time.Time
	base     []byte            // what every hash begins with
	hashes   map[string]string // by path
	prints   map[*resource.Version][sha256.Size]byte
	docs     map[docKey]*doc
}

type docKey struct {
	path, hash string
	protobuf   bool
}

type doc struct {
	once sync.Once
	gzip []byte
	size int // before it was compressed
	made time.Time
	err  error
}

// NewOpenAPI returns the handler of /openapi/v3.
func NewOpenAPI(c OpenAPIConfig) *OpenAPI { return &OpenAPI{OpenAPIConfig: c} }

const openapiRoot = "/openapi/v3"

// ServeHTTP serves the index and the documents, to any method.
func (o *OpenAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == openapiRoot {
		o.serveIndex(w, r)
		return
	}
	path, _ := strings.CutPrefix(r.URL.Path, openapiRoot+"/")
	s := o.current()
	hash, ok := s.hashes[path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	o.serveDocument(w, r, s, path, hash)
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
	index.Paths = make(map[string]entry, len(s.hashes))
	for path, hash := range s.hashes {
		index.Paths[path] = entry{documentURL(path, hash)}
	}
	b, err := json.Marshal(index)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	http.ServeContent(w, r, "", s.made, bytes.NewReader(b))
}

func documentURL(path, hash string) string {
	return (&url.URL{Path: openapiRoot + "/" + path, RawQuery: url.Values{"hash": {hash}}.Encode()}).String()
}

// The media types of documents. The one with an @ is what older clients ask for.
const (
	openapiJSON        = "json"
	openapiProtobuf    = "com.github.proto-openapi.spec.v3.v1.0+protobuf"
	openapiOldProtobuf = "com.github.proto-openapi.spec.v3@v1.0+protobuf"
)

func (o *OpenAPI) serveDocument(w http.ResponseWriter, r *http.Request, s state, path, hash string) {
	h := w.Header()
	h.Set("Vary", "Accept")
	accept := r.Header.Get("Accept")
	if accept == "" {
		accept = "*/*"
	}
	for _, clause := range goautoneg.ParseAccept(accept) {
		for _, subtype := range []string{openapiJSON, openapiProtobuf, openapiOldProtobuf} {
			if clause.Type != "application" && clause.Type != "*" || clause.SubType != subtype && clause.SubType != "*" {
				continue
			}
			protobuf := subtype != openapiJSON
			if protobuf {
				subtype = openapiProtobuf
			}
			h.Set("Content-Type", "application/"+subtype)
			h.Set("ETag", strconv.Quote(hash))
			if asked := r.URL.Query().Get("hash"); asked != "" {
				if asked != hash {
					http.Redirect(w, r, documentURL(path, hash), http.StatusMovedPermanently)
					return
				}
				// What the hash names never changes.
				h.Set("Cache-Control", "public, immutable")
				h.Set("Expires", o.now().AddDate(1, 0, 0).Format(time.RFC1123))
			}
			o.write(w, r, s, docKey{path, hash, protobuf})
			return
		}
	}
	w.WriteHeader(http.StatusNotAcceptable)
}

// write sends a document as it is kept to whoever takes gzip.
func (o *OpenAPI) write(w http.ResponseWriter, r *http.Request, s state, key docKey) {
	d := o.doc(s, key)
	if d.err != nil {
		http.Error(w, d.err.Error(), http.StatusInternalServerError)
		return
	}
	if acceptsGzip(r) && r.Header.Get("Range") == "" {
		w.Header().Add("Vary", "Accept-Encoding")
		w.Header().Set("Content-Encoding", "gzip")
		http.ServeContent(w, r, "", d.made, bytes.NewReader(d.gzip))
		return
	}
	z, err := gzip.NewReader(bytes.NewReader(d.gzip))
	if err == nil {
		b := make([]byte, d.size)
		if _, err = io.ReadFull(z, b); err == nil {
			http.ServeContent(w, r, "", d.made, bytes.NewReader(b))
			return
		}
	}
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

// doc makes a document unless it is there.
func (o *OpenAPI) doc(s state, key docKey) *doc {
	o.mu.Lock()
	d := o.docs[key]
	if d == nil {
		d = &doc{}
		o.docs[key] = d
	}
	o.mu.Unlock()
	d.once.Do(func() {
		d.made = o.now()
		d.gzip, d.size, d.err = o.make(s.snapshot, key)
	})
	return d
}

// make writes a document and compresses it; size is what it was before.
func (o *OpenAPI) make(s *resource.Snapshot, key docKey) (packed []byte, size int, err error) {
	d, err := o.document(s, key.path)
	if err != nil {
		return nil, 0, err
	}
	var b []byte
	if key.protobuf {
		b = (&protoWriter{yaml: map[string]string{}}).document(d)
	} else if b, err = json.Marshal(d); err != nil {
		return nil, 0, err
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, 0, err
	}
	if _, err := z.Write(b); err != nil {
		return nil, 0, err
	}
	if err := z.Close(); err != nil {
		return nil, 0, err
	}
	return bytes.Clone(out.Bytes()), len(b), nil
}

func (o *OpenAPI) now() time.Time {
	if o.Clock != nil {
		return o.Clock()
	}
	return time.Now()
}

// state is a snapshot, the hashes of its documents, and when they were computed.
type state struct {
	snapshot *resource.Snapshot
	hashes   map[string]string
	made     time.Time
}

// current computes the hashes anew when the snapshot has changed, and drops the documents that are of none.
func (o *OpenAPI) current() state {
	s := o.Snapshot()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.snapshot != s {
		if o.base == nil {
			digest := o.Schemas.Digest()
			o.base = fmt.Appendf(nil, "%s %q %q\n", digest[:], o.Version, o.Build)
			if b, ok := debug.ReadBuildInfo(); ok { // descriptions are the types', and these a dependency's
				o.base = append(o.base, b.String()...)
			}
		}
		old := o.prints
		o.prints = make(map[*resource.Version][sha256.Size]byte, len(old))
		hashes := map[string]string{}
		for _, path := range openapiPaths(s) {
			hashes[path] = o.hash(s, path, old)
		}
		docs := map[docKey]*doc{}
		for k, d := range o.docs {
			if hashes[k.path] == k.hash {
				docs[k] = d
			}
		}
		o.snapshot, o.made, o.hashes, o.docs = s, o.now(), hashes, docs
	}
	return state{s, o.hashes, o.made}
}

// hash is the hash of what a document is made of.
func (o *OpenAPI) hash(s *resource.Snapshot, path string, old map[*resource.Version][sha256.Size]byte) string {
	h := sha512.New()
	h.Write(o.base)
	h.Write([]byte(path))
	if v := versionOf(s, path); v != nil {
		for _, row := range v.Rows {
			p, ok := old[row.Version]
			if !ok {
				p = o.print(row)
			}
			o.prints[row.Version] = p
			h.Write(p[:])
		}
	}
	return fmt.Sprintf("%X", h.Sum(nil))
}

// print is a fingerprint of what a row adds to its document.
func (o *OpenAPI) print(row resource.Row) [sha256.Size]byte {
	r := row.Resource
	type sub struct{ Name, Group, Version, Kind, Verbs any }
	facts := struct {
		Names         resource.Names
		Scope         resource.Scope
		Verbs         resource.Verbs
		ReturnDeleted bool
		Subs          []sub
		Custom        []byte
	}{Names: r.Names, Scope: r.Scope, Verbs: r.Verbs, ReturnDeleted: r.Rules.ReturnDeleted}
	for _, s := range row.Version.Subs {
		facts.Subs = append(facts.Subs, sub{s.Name, s.Kind.Group, s.Kind.Version, s.Kind.Kind, s.Verbs})
	}
	if custom(row) && o.Custom != nil {
		facts.Custom = o.Custom(row.Version)
	}
	b, _ := json.Marshal(facts) // of plain fields: it cannot fail
	return sha256.Sum256(b)
}
