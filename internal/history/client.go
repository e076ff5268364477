package history

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
)

// client does one thing after the other.
type client struct {
	*Run
	id   int
	dice *rand.Rand
	n    int
	seen map[Key]State // as last told; possibly long gone
}

func (r *Run) client(id int) *client {
	return &client{Run: r, id: id, dice: r.rand(uint64(id + 1<<20)), seen: map[Key]State{}}
}

// label is what objects are selected by.
const label = "sel"

// configMap is what is written and read.
type configMap struct {
	APIVersion string            `json:"apiVersion,omitempty"`
	Kind       string            `json:"kind,omitempty"`
	Metadata   meta              `json:"metadata"`
	Data       map[string]string `json:"data,omitempty"`
}

type meta struct {
	Name            string            `json:"name,omitempty"`
	Namespace       string            `json:"namespace,omitempty"`
	UID             string            `json:"uid,omitempty"`
	ResourceVersion string            `json:"resourceVersion,omitempty"`
	Labels          map[string]string `json:"labels,omitempty"`
	Annotations     map[string]string `json:"annotations,omitempty"`
}

// step is one random request.
func (c *client) step(ctx context.Context) {
	k := Key{c.cfg.Namespaces[c.dice.IntN(len(c.cfg.Namespaces))], fmt.Sprintf("k%d", c.dice.IntN(c.cfg.Keys))}
	labels := map[string]string{}
	if l := c.dice.IntN(3); l < 2 {
		labels[label] = string(rune('a' + l))
	}
	c.n++
	id := fmt.Sprintf("%d-%d", c.id, c.n)
	cm := configMap{APIVersion: "v1", Kind: "ConfigMap", Metadata: meta{Name: k.Name, Namespace: k.Namespace, Labels: labels}, Data: map[string]string{"id": id}}
	op := Op{Key: k, ID: id}
	known, given := c.seen[k]
	given = given && c.dice.IntN(4) > 0

	switch p := c.dice.IntN(100); {
	case p < 16:
		op.Verb = "create"
		c.write(ctx, &op, http.MethodPost, collection(k.Namespace), "application/json", cm)
	case p < 32:
		op.Verb = "update"
		if given {
			op.Given = known.Revision
			cm.Metadata.ResourceVersion = strconv.FormatInt(known.Revision, 10)
		}
		c.write(ctx, &op, http.MethodPut, path(k), "application/json", cm)
	case p < 44:
		op.Verb = "patch"
		kind := "application/merge-patch+json"
		if c.dice.IntN(2) == 0 {
			kind = "application/strategic-merge-patch+json"
		}
		m := map[string]any{"labels": map[string]any{label: nil}}
		if l, ok := labels[label]; ok {
			m["labels"] = map[string]any{label: l}
		}
		if given {
			op.Given = known.Revision
			m["resourceVersion"] = strconv.FormatInt(known.Revision, 10)
		}
		c.write(ctx, &op, http.MethodPatch, path(k), kind, map[string]any{"metadata": m, "data": cm.Data})
	case p < 50:
		op.Verb = "patch"
		c.write(ctx, &op, http.MethodPatch, path(k), "application/json-patch+json",
			[]any{map[string]any{"op": "add", "path": "/data", "value": cm.Data}, map[string]any{"op": "add", "path": "/metadata/labels", "value": labels}})
	case p < 58:
		op.Verb = "apply"
		c.write(ctx, &op, http.MethodPatch, path(k)+"?force=true&fieldManager=client-"+strconv.Itoa(c.id), "application/apply-patch+yaml", cm)
	case p < 68:
		op.Verb, op.ID = "delete", ""
		var options any
		if given {
			op.Given = known.Revision
			options = map[string]any{"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": map[string]any{"resourceVersion": strconv.FormatInt(known.Revision, 10)}}
		}
		c.write(ctx, &op, http.MethodDelete, path(k), "application/json", options)
	case p < 69:
		op.Verb, op.ID, op.Key.Name, op.Label = "deletecollection", "", "", "a"
		c.write(ctx, &op, http.MethodDelete, collection(k.Namespace)+"?labelSelector="+url.QueryEscape(label+"=a"), "application/json", nil)
	case p < 82:
		op.Verb, op.ID = "get", ""
		c.write(ctx, &op, http.MethodGet, path(k), "", nil)
	case p < 90:
		c.list(ctx, listArgs{namespace: k.Namespace, label: labels[label]})
	case p < 94:
		c.list(ctx, listArgs{limit: 1 + c.dice.IntN(4), label: labels[label]})
	case p < 97:
		span := c.latest.Load() - c.h.Began
		c.list(ctx, listArgs{exact: c.h.Began + c.dice.Int64N(span+1)})
	default:
		c.list(ctx, listArgs{namespace: k.Namespace, notOlder: c.latest.Load()})
	}
}

// fence makes sure of the last object in a namespace.
func (c *client) fence(ctx context.Context, namespace string) *Op {
	k := Key{namespace, fence}
	for {
		op := &Op{Key: k, ID: "fence-" + namespace + strconv.Itoa(c.n), Verb: "apply"}
		c.n++
		c.write(ctx, op, http.MethodPatch, path(k)+"?force=true&fieldManager=fence", "application/apply-patch+yaml",
			configMap{APIVersion: "v1", Kind: "ConfigMap", Metadata: meta{Name: k.Name, Namespace: k.Namespace, Labels: map[string]string{label: "a"}}, Data: map[string]string{"id": op.ID}})
		if op.End != 0 || ctx.Err() != nil {
			return op
		}
	}
}

func collection(namespace string) string {
	if namespace == "" {
		return "/api/v1/configmaps"
	}
	return "/api/v1/namespaces/" + namespace + "/configmaps"
}

func path(k Key) string { return collection(k.Namespace) + "/" + k.Name }

// write makes a request about one object, and notes it.
func (c *client) write(ctx context.Context, op *Op, method, path, contentType string, body any) {
	code, data := c.do(ctx, op, method, path, contentType, body)
	if op.End == 0 {
		return
	}
	op.Code = code
	var answer struct {
		Kind   string
		Reason string
		Detail struct{ UID string } `json:"details"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		c.fault(fmt.Errorf("%v: answer %q: %w", op, data, err))
		return
	}
	op.Reason, op.UID = answer.Reason, answer.Detail.UID
	if answer.Kind == "ConfigMap" {
		s, err := stateOf(data)
		if err != nil {
			c.fault(fmt.Errorf("%v: %w", op, err))
			return
		}
		op.Object = &s
		c.seen[op.Key] = s
		c.learn(s.Revision)
	}
	c.acked.Add(1)
}

type listArgs struct {
	namespace, label string
	limit            int
	exact, notOlder  int64
}

// list reads a collection, page by page if there is a limit.
func (c *client) list(ctx context.Context, a listArgs) *Op {
	op := &Op{Verb: "list", Key: Key{Namespace: a.namespace}, Label: a.label, Given: cmp.Or(a.exact, a.notOlder)}
	q := url.Values{}
	if a.label != "" {
		q.Set("labelSelector", label+"="+a.label)
	}
	if a.limit > 0 {
		q.Set("limit", strconv.Itoa(a.limit))
	}
	if a.exact > 0 {
		op.Verb = "exact"
		q.Set("resourceVersion", strconv.FormatInt(a.exact, 10))
		q.Set("resourceVersionMatch", "Exact")
	}
	if a.notOlder > 0 {
		op.Verb = "notOlder"
		q.Set("resourceVersion", strconv.FormatInt(a.notOlder, 10))
		q.Set("resourceVersionMatch", "NotOlderThan")
	}
	var remaining []int64
	for first := true; ; first = false {
		page := op
		if !first {
			page = &Op{}
		}
		code, data := c.do(ctx, page, http.MethodGet, collection(a.namespace)+"?"+q.Encode(), "", nil)
		if page.End == 0 {
			op.End = 0
			return op
		}
		op.Code = code
		var l struct {
			Reason   string
			Metadata struct {
				ResourceVersion    string
				Continue           string
				RemainingItemCount *int64
			}
			Items []json.RawMessage
		}
		if err := json.Unmarshal(data, &l); err != nil {
			c.fault(fmt.Errorf("%v: answer %q: %w", op, data, err))
			return op
		}
		if op.Reason = l.Reason; code != http.StatusOK {
			return op
		}
		rev, err := strconv.ParseInt(l.Metadata.ResourceVersion, 10, 64)
		if err != nil || !first && rev != op.Revision {
			c.fault(fmt.Errorf("%v: a page at %q behind one at %d", op, l.Metadata.ResourceVersion, op.Revision))
			return op
		}
		op.Revision = rev
		c.learn(rev)
		for _, item := range l.Items {
			s, err := stateOf(item)
			if err != nil {
				c.fault(fmt.Errorf("%v: %w", op, err))
				return op
			}
			op.List = append(op.List, s)
			c.seen[s.Key] = s
		}
		if l.Metadata.RemainingItemCount != nil {
			remaining = append(remaining, *l.Metadata.RemainingItemCount, int64(len(op.List)))
		}
		if l.Metadata.Continue == "" {
			break
		}
		q = url.Values{"limit": {strconv.Itoa(1 + c.dice.IntN(4))}, "continue": {l.Metadata.Continue}}
		if a.label != "" {
			q.Set("labelSelector", label+"="+a.label)
		}
	}
	for i := 0; i+1 < len(remaining); i += 2 {
		op.Remaining = append(op.Remaining, remaining[i], int64(len(op.List))-remaining[i+1])
	}
	c.acked.Add(1)
	return op
}

// do makes a request. The first of an op writes the op down; without an answer its End stays 0.
func (c *client) do(ctx context.Context, op *Op, method, path, contentType string, body any) (int, []byte) {
	var data []byte
	if body != nil {
		data, _ = json.Marshal(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.url(c.id+c.n)+path, bytes.NewReader(data))
	if err != nil {
		c.fault(err)
		return 0, nil
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if op.Verb != "" {
		c.mu.Lock()
		c.h.Ops = append(c.h.Ops, op)
		c.mu.Unlock()
	}
	op.Client, op.Start = c.id, c.ticks.Add(1)
	resp, err := c.cfg.Client.Do(req)
	if err == nil {
		data, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err != nil {
		if !c.cfg.Breaks && ctx.Err() == nil {
			c.fault(fmt.Errorf("%v: %w", op, err))
		}
		pause(ctx)
		return 0, nil
	}
	op.End = c.ticks.Add(1)
	return resp.StatusCode, data
}

// stateOf reads an object. Its sum is over all of it but the revision, and but the kind, which lists leave out.
func stateOf(data []byte) (State, error) {
	var cm configMap
	if err := json.Unmarshal(data, &cm); err != nil {
		return State{}, err
	}
	rev, err := strconv.ParseInt(cm.Metadata.ResourceVersion, 10, 64)
	if err != nil {
		return State{}, err
	}
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		return State{}, err
	}
	delete(all, "kind")
	delete(all, "apiVersion")
	m, ok := all["metadata"].(map[string]any)
	if !ok || cm.Metadata.Name == "" || cm.Metadata.UID == "" {
		return State{}, errors.New("an object without metadata")
	}
	delete(m, "resourceVersion")
	canonical, err := json.Marshal(all)
	if err != nil {
		return State{}, err
	}
	h := fnv.New64a()
	h.Write(canonical)
	return State{Key: Key{cm.Metadata.Namespace, cm.Metadata.Name}, UID: cm.Metadata.UID, Revision: rev, ID: cm.Data["id"],
		Label: cm.Metadata.Labels[label], Sum: h.Sum64()}, nil
}
