package script

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Target is a server to have conversations with.
type Target struct {
	Name   string // what skip-on directives call it
	URL    string
	Client *http.Client // trusts the server; nil is http.DefaultClient
	Token  string       // bearer token; "" if Client authenticates by itself
	// Patience is how long the server may take until it serves a type, or an answer is the one that is waited for.
	// 0 is fifty seconds: a reference under load takes ten and more.
	Patience time.Duration
}

// An Answer is what the target said to one step, normalised.
type Answer struct {
	Name string // respN or eventsN
	Text string
}

// shownHeaders are the headers that an Answer tells.
var shownHeaders = []string{"Allow", "Content-Encoding", "Content-Type", "Location", "Retry-After", "Warning"}

// Run has the conversation with the target and returns its answers in running
// order. It makes the script's namespaces before, and removes them and what the
// script created after. An answer that the script does not expect is no error;
// only what keeps the conversation from going on is.
func (s *Script) Run(ctx context.Context, t Target) (answers []Answer, err error) {
	ctx, cancel := context.WithCancel(ctx)
	r := &run{
		script: s, target: t,
		trees:   map[string]any{},
		headers: map[string]http.Header{},
		watches: map[string]*watch{},
		normal:  newNormaliser(s.written()),
	}
	r.normal.unordered = s.Unordered
	if strings.Contains(s.written(), "{{hook}}") {
		r.hook = startHook()
		r.normal.hook = r.hook.names()
	}
	defer func() {
		if r.hook != nil {
			defer r.hook.server.Close() // what is cleaned up may have to be converted
		}
		cancel() // ends watches that are still open
		clean, stop := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer stop()
		if e := r.cleanUp(clean); e != nil && err == nil {
			err = fmt.Errorf("%s: cleaning up: %w", s.Name, e)
		}
	}()
	if err := r.makeNamespaces(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	for _, step := range s.Steps {
		answer, err := r.step(ctx, step)
		if err != nil {
			return answers, fmt.Errorf("%s: step %s: %w", s.Name, step.Number, err)
		}
		if answer != "" {
			answers = append(answers, Answer{step.answer(), answer})
		}
	}
	return answers, nil
}

// written is the text of all requests: what is in it is not volatile.
func (s *Script) written() string {
	var b strings.Builder
	for _, st := range s.Steps {
		b.WriteString(st.Request + "\n")
	}
	return b.String()
}

// run is one conversation under way.
type run struct {
	script  *Script
	target  Target
	trees   map[string]any // answers as decoded, not normalised, for variables
	headers map[string]http.Header
	watches map[string]*watch
	normal  *normaliser
	hook    *hook    // nil: the script has none
	created []string // paths, in order of creation
	spaces  []string // namespaces that the run made
}

func (r *run) step(ctx context.Context, step Step) (string, error) {
	switch step.Kind {
	case Events:
		return r.events(ctx, step)
	case Define:
		return "", r.define(ctx, step)
	}
	req, err := parseRequest(step.Request, r.expand)
	if err != nil {
		return "", err
	}
	if step.Kind == Watch {
		r.watches[step.Number] = openWatch(ctx, req, r.target)
		return "", r.watches[step.Number].opened()
	}
	if bytes.Contains(req.body, []byte("generateName")) { // a cheap look: bodies may have megabytes
		if base := generateName.FindSubmatch(req.body); base != nil {
			r.normal.generates(string(base[1]))
		}
	}
	resp, body, err := exchange(ctx, req, r.target)
	for since := time.Now(); err == nil && !req.satisfied(resp, body) && time.Since(since) < r.target.patience(); {
		if err = pause(ctx); err == nil {
			resp, body, err = exchange(ctx, req, r.target)
		}
	}
	if err != nil {
		return "", err
	}
	r.headers[step.answer()] = resp.Header
	tree, decoded, err := decode(resp.Header.Get("Content-Type"), body)
	if err != nil {
		return "", err
	}
	if decoded {
		// The normaliser changes its tree; variables want the original.
		r.trees[step.answer()], _, _ = decode(resp.Header.Get("Content-Type"), body)
		r.remember(req, resp, tree)
	}
	return r.answer(req, resp, body, tree, decoded), nil
}

var generateName = regexp.MustCompile(`"?generateName"?: *"?([-_.a-zA-Z0-9]+)`)

func exchange(ctx context.Context, req *request, t Target) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, max(req.timeout, patience)) // slow machines, and the race detector, take their time
	defer cancel()
	resp, err := req.send(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	// Only where the script itself asks for gzip; Go hides it otherwise.
	var r io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if r, err = gzip.NewReader(resp.Body); err != nil {
			return nil, nil, err
		}
	}
	body, err := io.ReadAll(r)
	return resp, body, err
}

// answer prints status, headers and body.
func (r *run) answer(req *request, resp *http.Response, body []byte, tree any, decoded bool) string {
	var b strings.Builder
	if req.show == "code" {
		return codeLine(resp)
	}
	r.head(&b, resp)
	if decoded && req.show != "" {
		var err error
		if tree, err = find(tree, req.show); err != nil {
			return b.String() + "\n" + err.Error() + "\n"
		}
	}
	indented := isJSON(mediaType(resp.Header.Get("Content-Type"))) && strings.Contains(string(body), "\n ")
	if indented {
		b.WriteString("Body-Indented: true\n")
	}
	b.WriteString("\n")
	switch {
	case !decoded:
		b.WriteString(strings.TrimRight(r.normal.text(string(body)), "\n"))
	case req.show == "metadata" || strings.HasSuffix(req.show, ".metadata"): // the normaliser looks for it by its key
		tree = r.normal.tree(map[string]any{"metadata": tree}, req.asked())
		b.WriteString(render(tree.(map[string]any)["metadata"]))
	default:
		b.WriteString(render(r.normal.tree(tree, req.asked())))
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func (r *run) head(b *strings.Builder, resp *http.Response) {
	b.WriteString(codeLine(resp))
	for _, k := range shownHeaders {
		for _, v := range resp.Header.Values(k) {
			fmt.Fprintf(b, "%s: %s\n", k, r.normal.text(v))
		}
	}
	if resp.Header.Get("ETag") != "" {
		b.WriteString("ETag: present\n")
	}
}

func codeLine(resp *http.Response) string {
	return fmt.Sprintf("%d %s\n", resp.StatusCode, http.StatusText(resp.StatusCode))
}

// asked tells the normaliser how the request pins a list's revision.
func (r *request) asked() asked {
	u, err := url.ParseRequestURI(r.target)
	if err != nil {
		return asked{}
	}
	q := u.Query()
	return asked{exact: q.Get("resourceVersionMatch") == "Exact", paged: q.Has("continue")}
}

// expand knows the variables.
func (r *run) expand(name string, escape bool) (string, error) {
	value, err := r.value(name)
	if escape {
		value = url.QueryEscape(value)
	}
	return value, err
}

func (r *run) value(name string) (string, error) {
	switch {
	case name == "name", name == "ns":
		return r.script.Name, nil
	case name == "hook", name == "hookCA":
		return r.hookValue(name)
	case name == "ns2":
		return r.script.Name + "-2", nil
	case strings.HasPrefix(name, "repeat:"):
		i := strings.LastIndex(name, ":")
		n, err := strconv.Atoi(name[i+1:])
		if err != nil || i < len("repeat:") {
			return "", fmt.Errorf("{{%s}}: not repeat:TEXT:N", name)
		}
		return strings.Repeat(name[len("repeat:"):i], n), nil
	}
	answer, path, _ := strings.Cut(name, ".")
	if key, ok := strings.CutPrefix(path, "header."); ok {
		if v := r.headers[answer].Get(key); v != "" {
			return v, nil
		}
		return "", fmt.Errorf("{{%s}}: no such header", name)
	}
	tree, ok := r.trees[answer]
	if !ok {
		return "", fmt.Errorf("{{%s}}: no answer %s so far", name, answer)
	}
	return lookup(tree, path)
}

// makeNamespaces creates those that the script mentions.
func (r *run) makeNamespaces(ctx context.Context) error {
	written := r.script.written()
	for _, v := range []string{"ns", "ns2"} {
		if !strings.Contains(written, "{{"+v+"}}") {
			continue
		}
		name, _ := r.value(v)
		status, body, err := r.call(ctx, http.MethodPost, "/api/v1/namespaces", mediaJSON, `{"metadata":{"name":"`+name+`"}}`)
		if err != nil {
			return err
		}
		if status != http.StatusCreated {
			return fmt.Errorf("creating namespace %s: %d: %s", name, status, body)
		}
		r.spaces = append(r.spaces, name)
	}
	return nil
}

// remember keeps the path of what a request has created.
func (r *run) remember(req *request, resp *http.Response, tree any) {
	path, query, _ := strings.Cut(req.target, "?")
	if resp.StatusCode != http.StatusCreated || strings.Contains(query, "dryRun") {
		return
	}
	if req.method == http.MethodPost {
		name, err := lookup(tree, "metadata.name")
		if err != nil {
			return // a review
		}
		path += "/" + name
	}
	if !slices.Contains(r.created, path) {
		r.created = append(r.created, path)
	}
}

// cleanUp deletes what the script created, the latest first, then its namespaces.
// A bare reference has no controllers: finalizers are taken off by hand.
func (r *run) cleanUp(ctx context.Context) error {
	paths := r.created
	for _, ns := range r.spaces {
		paths = append([]string{"/api/v1/namespaces/" + ns}, paths...)
	}
	for _, path := range slices.Backward(paths) {
		status, body, err := r.call(ctx, http.MethodDelete, path, mediaJSON, `{"gracePeriodSeconds":0,"propagationPolicy":"Background"}`)
		switch {
		case err != nil:
			return err
		case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
			continue
		case status >= 300 && status != http.StatusConflict:
			return fmt.Errorf("DELETE %s: %d: %s", path, status, body)
		}
		if status, _, err = r.call(ctx, http.MethodGet, path, "", ""); err != nil {
			return err
		} else if status == http.StatusNotFound {
			continue
		}
		if strings.HasPrefix(path, crdPath) {
			if err := r.undefine(ctx, path); err != nil {
				return err
			}
			continue
		}
		if _, _, err = r.call(ctx, http.MethodPatch, path, "application/merge-patch+json", `{"metadata":{"finalizers":null}}`); err != nil {
			return err
		}
		if name, ok := strings.CutPrefix(path, "/api/v1/namespaces/"); ok && !strings.Contains(name, "/") {
			if _, _, err = r.call(ctx, http.MethodPut, path+"/finalize", mediaJSON, `{"metadata":{"name":"`+name+`"},"spec":{"finalizers":[]}}`); err != nil {
				return err
			}
		}
	}
	return nil
}

// patience is how long an answer may take.
const patience = time.Minute

// call sends a request of the runner's own.
func (r *run) call(ctx context.Context, method, path, contentType, body string) (int, string, error) {
	req := &request{method: method, target: path, header: http.Header{}, body: []byte(body), timeout: 10 * time.Second}
	req.header.Set("Accept", mediaJSON)
	if path == crdPath {
		req.header.Set("User-Agent", "script") // of definitions, which scripts show
	}
	if contentType != "" {
		req.header.Set("Content-Type", contentType)
	}
	resp, data, err := exchange(ctx, req, r.target)
	if err != nil {
		return 0, "", err
	}
	return resp.StatusCode, string(data), nil
}
