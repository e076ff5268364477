package discovery

import (
	"bytes"
	"crypto/sha512"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pintle-io/pintle/internal/resource"
)

// v2 is the one document of /openapi/v2 in one encoding. It is made of parts, one for all that is built in and one for
// each few versions of custom resources (one alone would not compress well), which are compressed one by one: a change
// makes one part anew, and the others stay. Nothing is made before it is asked for.
type v2 struct {
	protobuf bool

	mu    sync.Mutex
	hash  documentHash
	made  time.Time
	doc   pieces
	parts map[documentHash]*v2Part
	// text is the document as those get it who do not take gzip, once one of them has asked for it: decompressing it costs
	// more than all else.
	text []byte
}

// v2Part is what some groups and versions add to the document.
type v2Part struct {
	paths       packed
	definitions packed
	rest        packed // of the built-in part: all that is not a path or a definition
}

// get returns the document of a state and when it was made. Two who ask at a time wait for one to make it.
func (v *v2) get(o *OpenAPI, s state) (pieces, time.Time, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.doc != nil && v.hash == s.all {
		return v.doc, v.made, nil
	}
	m := v2Maker{o: o, s: s.snapshot, protobuf: v.protobuf, out: newPacker(), definitions: newPacker(),
		params: v2Parameters{map[v2Parameter]string{}, map[string]v2Parameter{}}, proto: protoWriter{yaml: map[string]string{}}}
	parts := make(map[documentHash]*v2Part, len(v.parts))
	var ordered []*v2Part
	for i, list := range split(s.list) {
		h := sha512.New()
		for _, e := range list {
			h.Write(e.hash[:])
		}
		hash := documentHash(h.Sum(nil))
		part := v.parts[hash]
		if part == nil {
			var err error
			if part, err = m.part(list, i == 0); err != nil {
				return nil, time.Time{}, err
			}
		}
		parts[hash], ordered = part, append(ordered, part)
	}
	v.doc, v.hash, v.parts, v.made, v.text = m.join(ordered[0], ordered[1:]), s.all, parts, o.now(), nil
	return v.doc, v.made, nil
}

// plain returns the document, decompressed once for all who ask.
func (v *v2) plain(doc pieces) io.ReadSeeker {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(doc) == 0 || len(v.doc) == 0 || &doc[0] != &v.doc[0] {
		return doc.plain() // there is a newer one
	}
	if v.text == nil {
		text := make([]byte, doc.size())
		if _, err := io.ReadFull(doc.plain(), text); err != nil {
			return doc.plain()
		}
		v.text = text
	}
	return bytes.NewReader(v.text)
}

// split says what goes in which part: the first one is all that is built in. Where one of the others ends is seen by
// the path alone, so that a new version moves no other from part to part.
func split(list []*entry) [][]*entry {
	out := make([][]*entry, 1)
	var part []*entry
	for _, e := range list {
		if !e.custom {
			out[0] = append(out[0], e)
			continue
		}
		part = append(part, e)
		h := fnv.New32a()
		h.Write([]byte(e.path))
		if h.Sum32()%8 == 0 {
			out, part = append(out, part), nil
		}
	}
	if len(part) > 0 {
		out = append(out, part)
	}
	return out
}

// v2Maker makes parts.
type v2Maker struct {
	o                *OpenAPI
	s                *resource.Snapshot
	protobuf         bool
	out, definitions *packer
	params           v2Parameters
	buf              bytes.Buffer
	proto            protoWriter
}

// part makes a part. What the custom ones share with others, definitions and parameters, is in the built-in one.
func (m *v2Maker) part(list []*entry, builtin bool) (*v2Part, error) {
	written := map[string]bool{}
	paths, schemas := &v2Section{m: m, to: m.out, begun: !builtin}, &v2Section{m: m, to: m.definitions, begun: !builtin}
	for _, e := range list {
		sw := &schemaWriter{v2: true, written: func(name string) bool { return !builtin || written[name] }}
		if err := m.document(e.path, sw, paths, schemas); err != nil {
			return nil, err
		}
		if builtin {
			for name := range sw.out {
				written[name] = true
			}
		}
	}
	part := &v2Part{paths: m.out.finish(), definitions: m.definitions.finish()}
	if !builtin {
		return part, nil
	}
	if m.protobuf {
		m.out.Write(m.proto.v2Rest(m.params.byName))
	} else if err := m.writeRest(m.params.byName); err != nil {
		return nil, err
	}
	part.rest = m.out.finish()
	return part, nil
}

// document writes what the v3 document of a path says.
func (m *v2Maker) document(path string, sw *schemaWriter, paths, schemas *v2Section) error {
	d, err := m.o.fill(m.s, path, sw)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(d.Paths)) {
		item := m.params.pathItem(d.Paths[name])
		if m.protobuf {
			paths.writeBytes(m.proto.v2Path(name, item))
		} else if err := paths.writeJSON(name, item); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sw.out)) {
		if m.protobuf {
			schemas.writeBytes(m.proto.v2Definition(name, sw.out[name]))
		} else if err := schemas.writeJSON(name, sw.out[name]); err != nil {
			return err
		}
	}
	return nil
}

// v2Section writes entries of the paths or of the definitions.
type v2Section struct {
	m     *v2Maker
	to    io.Writer // that cannot fail
	begun bool      // there is an entry before the next one
}

func (s *v2Section) writeBytes(b []byte) { s.to.Write(b) }

func (s *v2Section) writeJSON(name string, value any) error {
	b := &s.m.buf
	b.Reset()
	if s.begun {
		b.WriteByte(',')
	}
	s.begun = true
	for i, v := range []any{name, value} {
		if i > 0 {
			b.WriteByte(':')
		}
		if err := writeJSON(b, v); err != nil {
			return err
		}
	}
	s.to.Write(b.Bytes())
	return nil
}

// writeJSON writes a value without a newline, and without escaping what only HTML needs escaped.
func writeJSON(b *bytes.Buffer, v any) error {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1)
	return nil
}

const bearerToken = "Bearer Token authentication"

// writeRest ends the definitions and the document.
func (m *v2Maker) writeRest(params map[string]v2Parameter) error {
	m.buf.Reset()
	m.buf.WriteString(`},"parameters":`)
	if err := writeJSON(&m.buf, params); err != nil {
		return err
	}
	m.buf.WriteString(`,"securityDefinitions":{"BearerToken":{"description":"` + bearerToken +
		`","type":"apiKey","name":"authorization","in":"header"}},"security":[{"BearerToken":[]}]}`)
	m.out.Write(m.buf.Bytes())
	return nil
}

// join puts the document together.
func (m *v2Maker) join(builtin *v2Part, customs []*v2Part) pieces {
	paths, definitions := pieces{builtin.paths}, pieces{builtin.definitions}
	for _, c := range customs {
		paths, definitions = append(paths, c.paths), append(definitions, c.definitions)
	}
	var head, between []byte
	if m.protobuf {
		head = m.proto.v2Head(m.o.Version)
		head = binary.AppendUvarint(append(head, 8<<3|2), uint64(paths.size()))
		between = binary.AppendUvarint([]byte{9<<3 | 2}, uint64(definitions.size()))
	} else {
		version, _ := json.Marshal(m.o.Version) // a string
		head = []byte(`{"swagger":"2.0","info":{"title":"Kubernetes","version":` + string(version) + `},"paths":{`)
		between = []byte(`},"definitions":{`)
	}
	return slices.Concat(pieces{stored(head)}, paths, pieces{stored(between)}, definitions, pieces{builtin.rest})
}
