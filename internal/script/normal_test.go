package script

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func normalised(t *testing.T, n *normaliser, doc string, c asked) string {
	t.Helper()
	tree, err := jsonTree([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return oneLine(n.tree(tree, c))
}

func TestNormalise(t *testing.T) {
	const uid1, uid2 = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
	n := newNormaliser(`GET /x?at=2020-01-01T00:00:00Z ` + uid2 + ` gen-wrttn`)
	n.generates("gen-")
	for _, c := range []struct {
		name, doc, want string
		asked           asked
	}{
		{"object", `{"metadata": {"name": "a", "resourceVersion": "41", "uid": "` + uid1 + `"}}`, `{"metadata": {"name": "a", "resourceVersion": "<rv-1>", "uid": "<uid-1>"}}`, asked{}},
		{"the next one", `{"metadata": {"name": "a", "resourceVersion": "42", "uid": "` + uid1 + `"}}`, `{"metadata": {"name": "a", "resourceVersion": "<rv-2>", "uid": "<uid-1>"}}`, asked{}},
		{"uid in a key and a message", `{"k:{\"uid\":\"` + uid1 + `\"}": "uid ` + uid1 + ` and ` + uid2 + `"}`, `{"k:{\"uid\":\"<uid-1>\"}": "uid <uid-1> and ` + uid2 + `"}`, asked{}},
		{"times", `{"a": "2026-05-05T01:02:03Z", "b": "2026-05-05T01:02:03.000004Z", "c": "2020-01-01T00:00:00Z"}`, `{"a": "<time>", "b": "<time.micro>", "c": "2020-01-01T00:00:00Z"}`, asked{}},
		{"list", `{"kind": "L", "items": [], "metadata": {"resourceVersion": "50"}}`, `{"items": [], "kind": "L", "metadata": {"resourceVersion": "<rv-list>"}}`, asked{}},
		{"stale list", `{"items": [{"metadata": {"name": "a", "resourceVersion": "42"}}], "metadata": {"resourceVersion": "41"}}`, `{"items": [{"metadata": {"name": "a", "resourceVersion": "<rv-2>"}}], "metadata": {"resourceVersion": "<rv-list, older than its items>"}}`, asked{}},
		{"exact list", `{"items": [], "metadata": {"resourceVersion": "42"}}`, `{"items": [], "metadata": {"resourceVersion": "<rv-2>"}}`, asked{exact: true}},
		{"managers", `{"metadata": {"managedFields": [{"manager": "b", "operation": "Apply", "time": "2026-05-05T01:02:03Z"}, {"manager": "a", "operation": "Apply", "time": "2026-05-05T01:02:04Z"}, {"manager": "a", "operation": "Update"}]}}`,
			`{"metadata": {"managedFields": [{"manager": "a", "operation": "Apply", "time": "<time>"}, {"manager": "b", "operation": "Apply", "time": "<time>"}, {"manager": "a", "operation": "Update"}]}}`, asked{}},
		{"managers in no order", `{"metadata": {"managedFields": [{"manager": "b", "operation": "Update"}, {"manager": "a", "operation": "Apply"}]}}`,
			`{"metadata": {"managedFields": ["<out of order>", {"manager": "b", "operation": "Update"}, {"manager": "a", "operation": "Apply"}]}}`, asked{}},
		{"limit that is not reached", `{"items": [], "metadata": {"resourceVersion": "50"}}`, `{"items": [], "metadata": {"resourceVersion": "<rv-list>"}}`, asked{}},
		{"page", `{"items": [], "metadata": {"resourceVersion": "50", "continue": "abc"}}`, `{"items": [], "metadata": {"continue": "<continue-1>", "resourceVersion": "<rv-page-1>"}}`, asked{paged: true}},
		{"bookmark", `{"type": "BOOKMARK", "object": {"kind": "X", "metadata": {"resourceVersion": "50"}}}`, `{"object": {"kind": "X", "metadata": {"resourceVersion": "<rv-bookmark>"}}, "type": "BOOKMARK"}`, asked{}},
		{"generated name", `{"a": "gen-bcd42 is there, gen-erated not", "metadata": {"generateName": "gen-", "name": "gen-bcd42"}}`, `{"a": "gen-<generated-1> is there, gen-erated not", "metadata": {"generateName": "gen-", "name": "gen-<generated-1>"}}`, asked{}},
		{"table", `{"kind": "Table", "columnDefinitions": [{"name": "Name"}, {"name": "Age"}], "rows": [{"cells": ["5s", "5s"]}, {"cells": ["b", "<unknown>"]}]}`,
			`{"columnDefinitions": [{"name": "Name"}, {"name": "Age"}], "kind": "Table", "rows": [{"cells": ["5s", "<age>"]}, {"cells": ["b", "<unknown>"]}]}`, asked{}},
		{"object in a message", `{"m": "{\\\"resourceVersion\\\":\\\"77\\\"} {\"resourceVersion\":\"77\"}"}`, `{"m": "{\\\"resourceVersion\\\":\\\"<rv>\\\"} {\"resourceVersion\":\"<rv>\"}"}`, asked{}},
		{"messages", `{"m": "too old resource version: 41 (50), 41 things"}`, `{"m": "too old resource version: <rv> (<rv>), 41 things"}`, asked{}},
	} {
		if got := normalised(t, n, c.doc, c.asked); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestShorten: long strings differ in the recording wherever they differ.
func TestShorten(t *testing.T) {
	long := strings.Repeat("x", 5000)
	a, b, c := shorten(long+"a"), shorten(long+"b"), shorten("a"+long)
	if a == b || a == c || b == c || len(a) > 200 {
		t.Errorf("%q %q %q", a, b, c)
	}
	if s := strings.Repeat("x", 4000); shorten(s) != s {
		t.Error("a string that is not long is shortened")
	}
}

func TestMedia(t *testing.T) {
	doc := []byte(`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"k": "v"}}`)
	want, err := jsonTree(doc)
	if err != nil {
		t.Fatal(err)
	}
	pb, err := jsonToProtobuf(doc)
	if err != nil {
		t.Fatal(err)
	}
	cb, err := jsonToCBOR(doc)
	if err != nil {
		t.Fatal(err)
	}
	for media, body := range map[string][]byte{
		"application/json;stream=watch": doc, "application/yaml": []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: v}\n"),
		mediaProtobuf: pb, "application/cbor": cb,
	} {
		got, ok, err := decode(media, body)
		if err != nil || !ok {
			t.Errorf("%s: %v, %v", media, ok, err)
		} else if oneLine(got) != oneLine(want) && media != mediaProtobuf {
			t.Errorf("%s: got %s", media, oneLine(got))
		} else if !strings.Contains(oneLine(got), `"data": {"k": "v"}`) {
			t.Errorf("%s: got %s", media, oneLine(got))
		}
	}
	if _, ok, err := decode("text/plain", []byte("ok")); ok || err != nil {
		t.Errorf("text is decoded: %v", err)
	}
	if _, _, err := decode(mediaJSON, []byte("{")); err == nil {
		t.Error("half an object is decoded")
	}
}

// TestFrames reads a stream of two events in each framing.
func TestFrames(t *testing.T) {
	cb, _ := jsonToCBOR([]byte(`{"type": "ADDED", "object": {"n": 7}}`))
	object, _ := jsonToProtobuf([]byte(`{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}`))
	pb, err := (&metav1.WatchEvent{Type: "ADDED", Object: runtime.RawExtension{Raw: object}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	pb = append(binary.BigEndian.AppendUint32(nil, uint32(len(pb))), pb...)
	for contentType, c := range map[string]struct {
		one  []byte
		want string
	}{
		"application/json":     {[]byte(`{"type": "ADDED", "object": {"n": 7}}`), `{"object": {"n": 7}, "type": "ADDED"}`},
		"application/cbor-seq": {cb, `{"object": {"n": 7}, "type": "ADDED"}`},
		"application/vnd.kubernetes.protobuf;stream=watch": {pb, `{"object": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}, "type": "ADDED"}`},
	} {
		var got []string
		err := frames(contentType, bytes.NewReader(append(append([]byte{}, c.one...), c.one...)), func(e any) bool {
			got = append(got, oneLine(e))
			return true
		})
		if len(got) != 2 || got[0] != c.want || got[1] != c.want {
			t.Errorf("%s: %v, got %q, want two of %s", contentType, err, got, c.want)
		}
	}
}
