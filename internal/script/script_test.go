package script

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// fake is a server with just enough of the API to have a conversation with:
// objects by path, uids and revisions that differ in each fake, a watch.
type fake struct {
	mu      sync.Mutex
	rv      int
	objects map[string]map[string]any
	events  []string
	changed *sync.Cond
	log     []string
	broken  bool // answers with one label too many
}

func newFake(t *testing.T, firstRV int) (*fake, Target) {
	f := &fake{rv: firstRV, objects: map[string]map[string]any{}}
	f.changed = sync.NewCond(&f.mu)
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return f, Target{Name: "fake", URL: s.URL, Client: s.Client(), Token: "secret"}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, r.Method+" "+r.URL.String())
	if r.Header.Get("Authorization") != "Bearer secret" {
		http.Error(w, "who?", http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	body, _ := io.ReadAll(r.Body)
	switch {
	case r.URL.Query().Get("watch") != "":
		f.watch(w)
		return
	case r.Method == http.MethodPost:
		var o map[string]any
		json.Unmarshal(body, &o)
		meta := o["metadata"].(map[string]any)
		if g, ok := meta["generateName"].(string); ok {
			meta["name"] = g + "bcd4" + string("bcdfghjk"[f.rv%8])
		}
		f.rv++
		meta["uid"] = fmt.Sprintf("00000000-0000-4000-8000-%012d", f.rv)
		meta["resourceVersion"] = fmt.Sprint(f.rv)
		meta["creationTimestamp"] = fmt.Sprintf("2026-01-01T00:00:%02dZ", f.rv%60)
		if f.broken {
			meta["labels"] = map[string]any{"surprise": "yes"}
		}
		f.objects[r.URL.Path+"/"+meta["name"].(string)] = o
		line, _ := json.Marshal(map[string]any{"type": "ADDED", "object": o})
		f.events = append(f.events, string(line))
		f.changed.Broadcast()
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(o)
	case f.objects[r.URL.Path] == nil:
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, `{"kind":"Status","code":404,"message":"Too large resource version: 99999, current: %d"}`, f.rv)
	case r.Method == http.MethodDelete:
		delete(f.objects, r.URL.Path)
		fmt.Fprint(w, `{"kind":"Status","status":"Success"}`)
	default:
		json.NewEncoder(w).Encode(f.objects[r.URL.Path])
	}
}

func (f *fake) watch(w http.ResponseWriter) {
	w.(http.Flusher).Flush()
	for sent := 0; sent < 2; sent++ {
		for len(f.events) < 3+sent { // the namespace and the first object came before
			f.changed.Wait()
		}
		fmt.Fprintln(w, f.events[2+sent])
		w.(http.Flusher).Flush()
	}
}

const conversation = `# A conversation.
differs: on purpose
skip-on: nobody because
-- req1 --
POST /api/v1/namespaces/{{ns}}/configmaps

{"metadata": {"generateName": "a-"}, "note": "2030-01-01T00:00:00Z"}
-- watch2 --
GET /api/v1/namespaces/{{ns}}/configmaps?watch=1&resourceVersion={{resp1.metadata.resourceVersion}}
Events: 2
-- req3 --
POST /api/v1/namespaces/{{ns}}/configmaps

{"metadata": {"name": "b", "ownerReferences": [{"uid": "{{resp1.metadata.uid}}"}]}}
-- req4 --
POST /api/v1/namespaces/{{ns}}/configmaps

{"metadata": {"name": "c"}, "long": "{{repeat:xy:3}}"}
-- events2 --
-- req5 --
GET /api/v1/namespaces/{{ns}}/configmaps/{{resp1.metadata.name}}?x=1
-- req6 --
GET /api/v1/namespaces/{{ns}}/configmaps/missing
Authorization: -
-- req7 --
GET /api/v1/namespaces/{{ns}}/configmaps/missing
X-Type: {{resp1.header.Content-Type}}
`

func parse(t *testing.T, text string) *Script {
	t.Helper()
	s, err := Parse("talk", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRecordAndReplay records one server and finds that another one, whose
// uids, revisions and times are others, says the same.
func TestRecordAndReplay(t *testing.T) {
	f, target := newFake(t, 500)
	s := parse(t, conversation)
	s.Path = filepath.Join(t.TempDir(), "talk.txtar")
	answers, err := s.Run(context.Background(), target)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Record(answers); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(s.Path)
	for _, want := range []string{
		`"name": "a-<generated-1>"`, `"note": "2030-01-01T00:00:00Z"`, `"creationTimestamp": "<time>"`,
		`"ownerReferences": [{"uid": "<uid-1>"}]`, `"long": "xyxyxy"`, `"resourceVersion": "<rv-3>"`,
		"401 Unauthorized", "who?", "Too large resource version: <rv>, current: <rv>",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the recorded script lacks %s:\n%s", want, text)
		}
	}
	// All is gone: what the script created, and its namespace.
	if len(f.objects) != 0 {
		t.Errorf("left over: %v", f.objects)
	}

	again, err := Load(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	if again.Differs != "on purpose" || again.Skip["nobody"] != "because" || again.Description != "A conversation.\n" {
		t.Errorf("directives: %+v", again)
	}
	_, other := newFake(t, 7000)
	answers, err = again.Run(context.Background(), other)
	if err != nil {
		t.Fatal(err)
	}
	if diff := again.Compare(answers); diff != "" {
		t.Errorf("another server of the same behaviour differs:\n%s", diff)
	}
	if string(again.Format(answers)) != string(text) {
		t.Error("formatting a recorded script anew changes it")
	}

	bad, broken := newFake(t, 300)
	bad.broken = true
	answers, err = again.Run(context.Background(), broken)
	if err != nil {
		t.Fatal(err)
	}
	if diff := again.Compare(answers); !strings.Contains(diff, `+       "labels": {"surprise": "yes"}`) && !strings.Contains(diff, "surprise") {
		t.Errorf("a server of other behaviour does not differ:\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"-- req1 --\nGET /\n":                         "no description",
		"# x\n":                                       "no steps",
		"# x\n-- request --\nGET /\n":                 "not reqN",
		"# x\n-- resp1 --\n200 OK\n":                  "no request before it",
		"# x\n-- events1 --\n":                        "no watch before it",
		"# x\n-- req1 --\nGET /\n-- req1 --\nGET /\n": "two files",
		"# x\nbogus: y\n-- req1 --\nGET /\n":          "neither description nor directive",
		"# x\nskip-on: pintle\n-- req1 --\nGET /\n":   "without a reason",
	} {
		if _, err := Parse("x", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, err := Parse("Bad_Name", []byte("# x\n-- req1 --\nGET /\n")); err == nil {
		t.Error("a name that is no namespace's is taken")
	}
}

func TestRunRefuses(t *testing.T) {
	_, target := newFake(t, 1)
	for text, want := range map[string]string{
		"GET":                          "not a method and a path",
		"GET /{{resp9.metadata.name}}": "no answer resp9",
		"GET /x\nEvents: many":         "many",
		"GET /x\nno header":            "not a header",
		"GET /{{resp9.header.ETag}}":   "no such header",
		"GET /{{repeat:x}}":            "not repeat",
	} {
		s := parse(t, "# x\n-- req1 --\n"+text+"\n")
		if _, err := s.Run(context.Background(), target); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestCompareShowsOnlyWhatChanged(t *testing.T) {
	s := parse(t, "# x\n-- req1 --\nGET /a\n-- resp1 --\n200 OK\n\n1\n2\n3\n4\n5\n6\n")
	got := s.Compare([]Answer{{"resp1", "200 OK\n\n1\n2\n3\n4\nfive\n6\n"}})
	want := "resp1: GET /a\n    3\n    4\n- 5\n+ five\n    6\n"
	if strings.ReplaceAll(got, "  - ", "- ") == "" || !strings.Contains(got, "- 5") || !strings.Contains(got, "+ five") || strings.Contains(got, "200") {
		t.Errorf("got\n%s\nwant about\n%s", got, want)
	}
}
