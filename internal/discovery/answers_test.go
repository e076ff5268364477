package discovery

import (
	"cmp"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/pintle-io/pintle/internal/resource"
)

var (
	recordURL   = flag.String("record-url", "", "ask this reference server anew and write testdata/answers.txtar")
	recordToken = flag.String("record-token", "", "bearer token for -record-url")
)

// TestAnswers asks what testdata/answers.txtar holds and wants the reference's answers: the name of each file in it
// is a request (method, path, headers), its text the answer.
func TestAnswers(t *testing.T) {
	const file = "testdata/answers.txtar"
	answers, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := builtinSnapshot(t)
	d := New(func() *resource.Snapshot { return s }, recordedAddresses)
	o := testOpenAPI()
	o.Snapshot = func() *resource.Snapshot { return s }
	mux := http.NewServeMux()
	mux.Handle("/", d)
	mux.Handle("/openapi/", o)
	server := httptest.NewServer(mux)
	defer server.Close()
	base := server.URL
	client := server.Client()
	if *recordURL != "" {
		base = *recordURL
		client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableCompression: true}}
	}
	do := func(req *http.Request) *http.Response {
		req.Header.Set("User-Agent", cmp.Or(req.Header.Get("User-Agent"), "test"))
		if *recordToken != "" {
			req.Header.Set("Authorization", "Bearer "+*recordToken)
		}
		resp, err := client.Transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	var index struct {
		Paths map[string]struct{ ServerRelativeURL string }
	}
	req, err := http.NewRequest("GET", base+"/openapi/v3", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(do(req).Body).Decode(&index); err != nil {
		t.Fatal(err)
	}
	for i, f := range answers.Files {
		parts := strings.Split(f.Name, " | ")
		method, path, _ := strings.Cut(parts[0], " ")
		if p, ok := strings.CutSuffix(path, "?hash=HASH"); ok {
			path = index.Paths[strings.TrimPrefix(p, "/openapi/v3/")].ServerRelativeURL
		}
		req, err := http.NewRequest(method, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range parts[1:] {
			name, value, _ := strings.Cut(h, ": ")
			req.Header.Set(name, value)
		}
		got := text(t, do(req))
		if *recordURL != "" {
			answers.Files[i].Data = []byte(got)
		} else if diff := gocmp.Diff(string(f.Data), got); diff != "" {
			t.Errorf("%s: -recorded +ours\n%s", f.Name, diff)
		}
	}
	if *recordURL != "" {
		if err := os.WriteFile(file, txtar.Format(answers), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var hash = regexp.MustCompile(`[0-9A-F]{128}`)

var address = regexp.MustCompile(`192\.0\.2\.\d+:\d+`)

// text is an answer as it is recorded: a long body is cut short to its length, another than text is in base64.
func text(t *testing.T, resp *http.Response) string {
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	var out strings.Builder
	fmt.Fprintln(&out, resp.StatusCode)
	for _, name := range []string{"Allow", "Cache-Control", "Content-Type", "ETag", "Vary", "X-Content-Type-Options", "Location", "Accept-Ranges", "Content-Encoding"} {
		// The default for whatever says nothing else is set for all answers alike, elsewhere.
		if v := resp.Header.Get(name); v != "" && v != "no-cache, private" {
			fmt.Fprintf(&out, "%s: %s\n", name, v)
		}
	}
	body := address.ReplaceAllString(string(b), "192.0.2.1:6443")
	switch {
	case strings.Contains(resp.Header.Get("Content-Type"), "protobuf"):
		body = base64.StdEncoding.EncodeToString([]byte(body))
		if strings.Contains(resp.Request.URL.Path, "/api") && len(b) < 100 {
			body = fmt.Sprintf("%q", address.ReplaceAllString(string(b), ""))
		}
	}
	if len(body) > 700 {
		body = fmt.Sprintf("%s... (%d bytes)", body[:300], len(body))
	}
	answer := out.String()
	if strings.HasPrefix(resp.Request.URL.Path, "/openapi/") {
		// The documents are compared elsewhere, and hashes are each server's own.
		answer = hash.ReplaceAllString(answer, "HASH")
		answer += "Expires: " + map[bool]string{true: "yes", false: "no"}[resp.Header.Get("Expires") != ""] + "\n"
		if len(body) > 100 {
			body = "a document"
		}
	}
	return fmt.Sprintf("%s\n%s$\n", answer, body)
}
