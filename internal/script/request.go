package script

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A request is a step's text, read.
type request struct {
	method, target string
	header         http.Header
	body           []byte
	events         int           // a watch ends after so many
	timeout        time.Duration // or after so long
	until          []string      // what the answer has to hold, without white space
	show           string        // the part of the answer that is recorded; "" is all of it
}

// parseRequest reads a step's text, whose variables expand knows.
func parseRequest(text string, expand func(name string, escape bool) (string, error)) (*request, error) {
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	first, err := substitute(lines[0], true, expand)
	if err != nil {
		return nil, err
	}
	r := &request{header: http.Header{}, timeout: 10 * time.Second}
	var ok bool
	if r.method, r.target, ok = strings.Cut(first, " "); !ok || !strings.HasPrefix(r.target, "/") {
		return nil, fmt.Errorf("not a method and a path: %q", first)
	}
	for _, line := range lines[1:] {
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("not a header: %q", line)
		}
		if value, err = substitute(strings.TrimSpace(value), false, expand); err != nil {
			return nil, err
		}
		r.header.Add(key, value)
	}
	if body, err = substitute(strings.TrimSuffix(body, "\n"), false, expand); err != nil {
		return nil, err
	}
	r.body = []byte(body)
	if err := r.pseudoHeaders(); err != nil {
		return nil, err
	}
	return r, r.encodeBody()
}

// pseudoHeaders takes out what is meant for the runner, and fills in defaults.
func (r *request) pseudoHeaders() (err error) {
	if v := r.header.Get("Events"); v != "" {
		if r.events, err = strconv.Atoi(v); err != nil {
			return err
		}
	}
	if v := r.header.Get("Timeout"); v != "" {
		if r.timeout, err = time.ParseDuration(v); err != nil {
			return err
		}
	}
	for _, text := range r.header.Values("Until") {
		r.until = append(r.until, unspaced(text))
	}
	r.show = r.header.Get("Show")
	r.header.Del("Until")
	r.header.Del("Show")
	r.header.Del("Events")
	r.header.Del("Timeout")
	if r.header.Get("Accept") == "" {
		r.header.Set("Accept", mediaJSON)
	}
	if r.header.Get("Content-Type") == "" && len(r.body) > 0 && (r.method == http.MethodPost || r.method == http.MethodPut) {
		r.header.Set("Content-Type", mediaJSON)
	}
	// managedFields name the manager after the user agent.
	if r.header.Get("User-Agent") == "" {
		r.header.Set("User-Agent", "script")
	}
	return nil
}

// encodeBody turns a body written as JSON into the binary form that its content
// type asks for.
func (r *request) encodeBody() (err error) {
	raw := r.header.Get("Raw-Body") != ""
	r.header.Del("Raw-Body")
	if raw || len(r.body) == 0 {
		return nil
	}
	switch media := mediaType(r.header.Get("Content-Type")); {
	case isCBOR(media):
		r.body, err = jsonToCBOR(r.body)
	case media == mediaProtobuf:
		r.body, err = jsonToProtobuf(r.body)
	}
	return err
}

// send sends the request to the target.
func (r *request) send(ctx context.Context, t Target) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, t.URL, strings.NewReader(string(r.body)))
	if err != nil {
		return nil, err
	}
	// The path is sent as written, odd escapes included.
	u, err := url.Parse(strings.TrimSuffix(t.URL, "/") + r.target)
	if err != nil {
		return nil, err
	}
	req.URL = u
	for k, v := range r.header {
		req.Header[k] = v
	}
	if req.Header.Get("Authorization") == "" && t.Token != "" {
		req.Header.Set("Authorization", "Bearer "+t.Token)
	}
	for k, v := range req.Header {
		if len(v) == 1 && v[0] == "-" {
			delete(req.Header, k)
		}
	}
	client := t.Client
	if client == nil {
		client = http.DefaultClient
	}
	direct := *client
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return direct.Do(req)
}

var variable = regexp.MustCompile(`\{\{repeat:.*?:\d+\}\}|\{\{[^{}]+\}\}`)

// substitute replaces {{...}}; in a request line, values are escaped for a query.
func substitute(text string, escape bool, expand func(string, bool) (string, error)) (string, error) {
	var failed error
	text = variable.ReplaceAllStringFunc(text, func(m string) string {
		v, err := expand(strings.TrimSpace(m[2:len(m)-2]), escape)
		if err != nil && failed == nil {
			failed = err
		}
		return v
	})
	return text, failed
}

// lookup finds a string in a decoded answer, or the JSON of what else is there.
func lookup(tree any, path string) (string, error) {
	found, err := find(tree, path)
	if err != nil {
		return "", err
	}
	if s, ok := found.(string); ok {
		return s, nil
	}
	b, err := json.Marshal(found)
	return string(b), err
}

// find follows a dotted path through a decoded answer; a number is an index, [key=value] an element by its content.
// A key that holds dots itself is written with \. for each of them.
func find(tree any, path string) (any, error) {
	for _, key := range pathKey.FindAllString(path, -1) {
		switch t := tree.(type) {
		case map[string]any:
			tree = t[strings.ReplaceAll(key, `\.`, ".")]
		case []any:
			var ok bool
			if tree, ok = element(t, key); !ok {
				return nil, fmt.Errorf("%s: no element %q of %d", path, key, len(t))
			}
		default:
			tree = nil
		}
		if tree == nil {
			return nil, fmt.Errorf("%s: nothing at %q", path, key)
		}
	}
	return tree, nil
}

var pathKey = regexp.MustCompile(`\[[^\]]*\]|(\\\.|[^.])+`)

func element(list []any, key string) (any, bool) {
	if in, ok := strings.CutPrefix(key, "["); ok {
		k, want, _ := strings.Cut(strings.TrimSuffix(in, "]"), "=")
		for _, e := range list {
			if got, err := lookup(e, k); err == nil && got == want {
				return e, true
			}
		}
		return nil, false
	}
	i, err := strconv.Atoi(key)
	if err != nil || i < 0 || i >= len(list) {
		return nil, false
	}
	return list[i], true
}
