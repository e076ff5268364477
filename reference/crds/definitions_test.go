package crds

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const definitionsPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

// A kind is a version of a definition that is served, as the reference came to have it in the end.
type kind struct {
	definition, group, version, plural, kind string
	namespaced                               bool
	schema                                   map[string]any
}

func (k kind) String() string { return k.plural + "." + k.group + "/" + k.version }

// path is where the kind's objects are, those of the default namespace where it has any.
func (k kind) path() string {
	if k.namespaced {
		return fmt.Sprintf("/apis/%s/%s/namespaces/default/%s", k.group, k.version, k.plural)
	}
	return fmt.Sprintf("/apis/%s/%s/%s", k.group, k.version, k.plural)
}

// waves puts the definitions into rounds: the n-th holds the n-th documents of their names. The first are creates, the
// others mostly updates, as when a project is upgraded.
func waves(definitions []Document) [][]Document {
	count := map[string]int{}
	var w [][]Document
	for _, d := range definitions {
		n := count[d.name()]
		count[d.name()]++
		if n == len(w) {
			w = append(w, nil)
		}
		w[n] = append(w[n], d)
	}
	return w
}

func definitionID(wave int, d Document) string {
	return fmt.Sprintf("%d %s %s %s", wave, d.name(), d.Module, d.File)
}

func statusID(wave int, d Document) string { return fmt.Sprintf("%d %s status", wave, d.name()) }

// definitions posts the corpus's definitions, and after each round looks at what became of them. Want is what the
// reference said, nil when the reference is asked.
func definitions(ctx context.Context, c *Corpus, t *target, want *recording, emit func(answer)) error {
	exists := map[string]bool{}
	for i, wave := range waves(c.Definitions) {
		for _, d := range wave {
			a, err := post(ctx, t, d, exists[d.name()])
			if err != nil {
				return err
			}
			exists[d.name()] = exists[d.name()] || a.code == http.StatusCreated
			emit(a.normal(definitionID(i, d)))
		}
		if t.slow() {
			if err := quiet(ctx, t, wave); err != nil {
				return err
			}
		}
		for _, d := range wave {
			a, err := status(ctx, t, d, statusID(i, d), want)
			if err != nil {
				return err
			}
			emit(a)
		}
	}
	return nil
}

// post creates a definition, or updates it from the revision that is there.
func post(ctx context.Context, t *target, d Document, exists bool) (answer, error) {
	if !exists {
		return t.do(ctx, http.MethodPost, definitionsPath, d.JSON)
	}
	path := definitionsPath + "/" + d.name()
	// A controller of the server may write between the two; whoever comes second is told so.
	for {
		old, err := t.do(ctx, http.MethodGet, path, nil)
		if err != nil {
			return old, err
		}
		current, err := decode(old.body)
		if err != nil {
			return old, err
		}
		o, err := decode(d.JSON)
		if err != nil {
			return old, err
		}
		object(o, "metadata")["resourceVersion"] = text(current, "metadata", "resourceVersion")
		body, err := json.Marshal(o)
		if err != nil {
			return old, err
		}
		a, err := t.do(ctx, http.MethodPut, path, body)
		if err != nil || a.code != http.StatusConflict {
			return a, err
		}
	}
}

// patience is how long pintle may take to say of a definition what the reference says of it in the end.
const patience = 250 * time.Millisecond

// status is the definition's status.
func status(ctx context.Context, t *target, d Document, id string, want *recording) (answer, error) {
	for deadline := time.Now().Add(patience); ; {
		a, err := t.do(ctx, http.MethodGet, definitionsPath+"/"+d.name(), nil)
		if err != nil {
			return a, err
		}
		a.body, a.note = statusOf(a.body)
		note := a.note
		if a = a.normal(id); a.note == "" {
			a.note = note
		}
		if t.slow() || want.same(a) || time.Now().After(deadline) {
			return a, nil
		}
	}
}

// statusOf is the status of a definition as JSON, and in short.
func statusOf(body []byte) ([]byte, string) {
	o, err := decode(body)
	if err != nil || text(o, "kind") != "CustomResourceDefinition" {
		return body, ""
	}
	s := object(o, "status")
	var note []string
	stripConditions(o)
	for _, c := range list(s, "conditions") {
		c, _ := c.(map[string]any)
		note = append(note, fmt.Sprintf("%s=%s(%s)", text(c, "type"), text(c, "status"), text(c, "reason")))
	}
	note = append(note, fmt.Sprint(s["storedVersions"]))
	data, _ := json.Marshal(s)
	return data, strings.Join(note, " ")
}

// quiet waits until the reference's controllers have nothing more to say about the definitions: each is accepted or
// not, and none changed for two seconds.
func quiet(ctx context.Context, t *target, wave []Document) error {
	last := ""
	for range 120 {
		var all strings.Builder
		settled := true
		for _, d := range wave {
			a, err := t.do(ctx, http.MethodGet, definitionsPath+"/"+d.name(), nil)
			if err != nil {
				return err
			}
			_, note := statusOf(a.body)
			all.WriteString(d.name() + note + "\n")
			settled = settled && (a.code != http.StatusOK || strings.Contains(note, "Established=True") || strings.Contains(note, "NamesAccepted=False"))
		}
		if settled && all.String() == last {
			return nil
		}
		last = all.String()
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("%s: the definitions do not come to rest", t.name)
}

// current are the documents by which the definitions are in the end, by what the reference answered.
func current(c *Corpus, want *recording) map[string]Document {
	now := map[string]Document{}
	for i, wave := range waves(c.Definitions) {
		for _, d := range wave {
			if code := want.code(definitionID(i, d)); code == "201" || code == "200" {
				now[d.name()] = d
			}
		}
	}
	return now
}

// kinds are the versions that the reference serves in the end.
func kinds(c *Corpus, want *recording) []kind {
	served := map[string]bool{}
	for i, wave := range waves(c.Definitions) {
		for _, d := range wave {
			if note := want.note(statusID(i, d)); strings.Contains(note, "Established=") {
				served[d.name()] = strings.Contains(note, "Established=True") && !strings.Contains(note, "Terminating=True")
			}
		}
	}
	var all []kind
	for name, d := range current(c, want) {
		for _, v := range list(d.Object, "spec", "versions") {
			v, _ := v.(map[string]any)
			if v["served"] != true || !served[name] {
				continue
			}
			all = append(all, kind{name, text(d.Object, "spec", "group"), text(v, "name"), text(d.Object, "spec", "names", "plural"), text(d.Object, "spec", "names", "kind"),
				text(d.Object, "spec", "scope") == "Namespaced", object(v, "schema", "openAPIV3Schema")})
		}
	}
	slices.SortFunc(all, func(a, b kind) int { return strings.Compare(a.String(), b.String()) })
	return all
}
