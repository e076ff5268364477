package pintle_test

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/script"
)

// A table is one part of what the scripts have to ask: rows and columns, and in which cells a request belongs.
type table struct {
	name       string
	rows, cols []string
	cells      func(asked) []cell
	// without says why nobody asks: keys are "row / col", where * stands for all.
	without map[string]string
}

type cell struct{ row, col string }

// asked is a recorded request, understood.
type asked struct {
	script.Exchange
	request.Info
	query url.Values
}

var (
	verbs = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
	// codes are those that the API promises for an object's verbs.
	codes   = []string{"200", "201", "400", "401", "403", "404", "405", "406", "409", "410", "413", "415", "422", "429", "500", "503", "504"}
	patches = map[string]string{
		"application/json-patch+json": "json", "application/merge-patch+json": "merge", "application/strategic-merge-patch+json": "strategic",
		"application/apply-patch+yaml": "apply", "application/apply-patch+cbor": "apply-cbor",
	}
	patchTypes = []string{"json", "merge", "strategic", "apply", "apply-cbor"}
	medias     = map[string]string{
		"application/json": "json", "application/yaml": "yaml", "application/vnd.kubernetes.protobuf": "protobuf", "application/cbor": "cbor",
		"application/cbor-seq": "cbor", "text/plain": "text",
	}
	mediaNames = []string{"json", "yaml", "protobuf", "cbor"}
)

const (
	wholeServer = "no script can bring a server that others use into that state: tests of internal/rest do"
	noBody      = "the verb reads no body"
	notNamed    = "answers are found by name only"
)

// matrix is what issue after issue adds to: each cell has a script, or stands in without with its reason.
var matrix = []table{
	{
		name: "verb x code", rows: verbs, cols: codes,
		cells: func(a asked) []cell { return []cell{{a.Verb, fmt.Sprint(a.Code)}} },
		without: map[string]string{
			"* / 429": wholeServer, "* / 500": "a bug, or a broken store: internal/rest and internal/engine test both",
			"* / 504":      "a write that takes longer than its deadline: tests of internal/rest",
			"create / 200": "what is created is 201, reviews too",
			"get / 400":    "nothing of a get is refused as malformed: a bad resourceVersion is 500",
			"watch / 410":  "the stream itself says it, see watch-too-old",
			"* / 503":      "a server that is not ready, or shuts down: tests of the root package",
			"get / 201":    "nothing is created", "list / 201": "nothing is created", "watch / 201": "nothing is created",
			"delete / 201": "nothing is created", "deletecollection / 201": "nothing is created",
			"get / 403": "who is authenticated may read everything yet", "list / 403": "who is authenticated may read everything yet",
			"watch / 403":            "who is authenticated may read everything yet",
			"update / 403":           "only what is created can be refused for its namespace; who may do what comes later",
			"deletecollection / 403": "no collection is protected",
			"get / 409":              "reads have no conflicts", "list / 409": "reads have no conflicts", "watch / 409": "reads have no conflicts",
			"get / 410": "one object has no history", "create / 410": "writes need no history", "update / 410": "writes need no history",
			"patch / 410": "writes need no history", "delete / 410": "writes need no history", "deletecollection / 410": "its list is always a new one",
			"get / 413": noBody, "list / 413": noBody, "watch / 413": noBody, "get / 415": noBody, "list / 415": noBody, "watch / 415": noBody,
			"get / 422": "a read has nothing to validate",
		},
	},
	{
		name: "verb x answer", rows: verbs,
		cols:  []string{"json", "json pretty", "yaml", "protobuf", "cbor", "json Table", "yaml Table", "protobuf Table", "cbor Table", "json Partial", "yaml Partial", "protobuf Partial", "cbor Partial"},
		cells: answers,
		without: map[string]string{
			"watch / json pretty": "a stream is never indented", "watch / yaml": "YAML does not stream: 406", "watch / yaml Table": "YAML does not stream: 406",
			"watch / yaml Partial": "YAML does not stream: 406",
			"* / protobuf Table":   "tables are JSON and YAML only: 406, see negotiate-protobuf-table", "* / cbor Table": "tables are JSON and YAML only: 406",
		},
	},
	{
		name: "verb x body", rows: []string{"create", "update", "delete", "deletecollection"}, cols: append(slices.Clone(mediaNames), "none"),
		cells: func(a asked) []cell {
			if a.Code >= 300 {
				return nil
			}
			return []cell{{a.Verb, bodyMedia(a)}}
		},
		without: map[string]string{"create / none": "an object is needed", "update / none": "an object is needed"},
	},
	{
		name: "patch x code", rows: patchTypes, cols: []string{"200", "201", "dry run", "400", "404", "406", "409", "413", "415", "422"},
		cells: func(a asked) []cell {
			if a.Verb != "patch" {
				return nil
			}
			p := patches[a.Header.Get("Content-Type")]
			cells := []cell{{p, fmt.Sprint(a.Code)}}
			if a.query.Has("dryRun") && a.Code < 300 {
				cells = append(cells, cell{p, "dry run"})
			}
			return cells
		},
		without: map[string]string{
			"json / 201": "only an apply creates", "merge / 201": "only an apply creates", "strategic / 201": "only an apply creates",
			"apply-cbor / 415": "where CBOR is switched off, which it never is here: negotiate-cbor-off has the reference's answer",
			"strategic / 415":  "the media type is a patch's, of all built-in kinds",
			"json / 415":       "the media type is a patch's", "merge / 415": "the media type is a patch's",
			"apply / 415": "the media type is a patch's",
		},
	},
	{
		name: "patch x subresource", rows: patchTypes, cols: []string{"-", "status", "scale"},
		cells: func(a asked) []cell {
			if a.Verb != "patch" || a.Code >= 300 {
				return nil
			}
			return []cell{{patches[a.Header.Get("Content-Type")], dash(a.Subresource)}}
		},
	},
	{
		name: "subresource x verb", rows: []string{"status", "scale", "finalize", "approval", "ephemeralcontainers", "resize", "binding", "eviction", "token", "log", "exec", "attach", "portforward", "proxy"},
		cols: []string{"get", "update", "patch", "create", "missing", "conflict"},
		cells: func(a asked) []cell {
			switch {
			case a.Code < 300:
				return []cell{{a.Subresource, a.Verb}}
			case a.Code == 404:
				return []cell{{a.Subresource, "missing"}}
			case a.Code == 409:
				return []cell{{a.Subresource, "conflict"}}
			}
			return nil
		},
		without: map[string]string{
			"status / create": "none such", "scale / create": "none such", "approval / create": "none such", "finalize / create": "none such",
			"ephemeralcontainers / create": "none such", "resize / create": "none such",
			"finalize / get": "none such", "finalize / patch": "none such",
			"binding / get": "none such", "binding / update": "none such", "binding / patch": "none such",
			"eviction / *": "its logic comes with the disruption budgets", "token / *": "tokens come with the access-control issue",
			"log / *": "needs a kubelet", "exec / *": "needs a kubelet", "attach / *": "needs a kubelet", "portforward / *": "needs a kubelet",
			"proxy / *": "needs something to reach",
		},
	},
	{
		name: "list: resourceVersion x match", rows: withLimit("unset", "0", "kept", "future", "too old", "invalid"), cols: []string{"unset", "NotOlderThan", "Exact", "nonsense"},
		cells: func(a asked) []cell {
			if a.Verb != "list" || a.query.Has("continue") {
				return nil
			}
			row := revision(a)
			if a.query.Has("limit") {
				row += " limit"
			}
			return []cell{{row, match(a)}}
		},
	},
	{
		name: "list: pages", rows: []string{"first", "next", "last", "remainder counted", "with selector", "continue and resourceVersion", "continue and match", "continue broken", "continue too old"},
		cols: []string{"-"}, cells: pages,
	},
	{
		name: "watch: resourceVersion x options", rows: []string{"unset", "0", "kept", "future", "too old", "invalid"},
		cols:  []string{"plain", "bookmarks", "initial events", "initial events, no bookmarks", "no initial events", "Exact"},
		cells: watches,
	},
	{
		name: "watch: events", rows: []string{"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"}, cols: mediaNames,
		cells: func(a asked) (cells []cell) {
			if a.Verb != "watch" || a.Code != 200 {
				return nil
			}
			for line := range strings.SplitSeq(a.Answer, "\n") {
				if m := eventType.FindStringSubmatch(line); m != nil {
					cells = append(cells, cell{m[1], medias[bare(a.ContentType)]})
				}
			}
			return cells
		},
		without: map[string]string{"* / yaml": "YAML does not stream: 406"},
	},
	{
		name: "conflicts and preconditions", rows: []string{
			"update with an old resourceVersion", "update with another uid", "update of what must name its resourceVersion", "patch with an old resourceVersion",
			"patch of the uid", "apply of what others have", "apply with an old resourceVersion", "delete with an old resourceVersion", "delete of another uid",
			"create of what is there", "generated name", "create in a dying namespace", "create in a namespace that is not there", "create with a resourceVersion",
			"name that is not the URL's", "namespace that is not the URL's", "finalizers of what is dying", "protected namespace",
		}, cols: []string{"-"}, cells: conflicts,
	},
	{
		name: "dry run", rows: []string{"create", "update", "patch", "delete", "deletecollection"}, cols: []string{"All", "nonsense"},
		cells: func(a asked) []cell {
			if !a.query.Has("dryRun") && !strings.Contains(a.Body, "dryRun") {
				return nil
			}
			if a.Code == 400 || a.Code == 422 {
				return []cell{{a.Verb, "nonsense"}}
			}
			return []cell{{a.Verb, "All"}}
		},
	},
	{
		name: "field validation", rows: append([]string{"create", "update"}, patchTypes...), cols: []string{"Ignore", "Warn", "Strict", "nonsense"},
		cells: func(a asked) []cell {
			row := a.Verb
			if row == "patch" {
				row = patches[a.Header.Get("Content-Type")]
			}
			v := a.query.Get("fieldValidation")
			if v != "" && !slices.Contains([]string{"Ignore", "Warn", "Strict"}, v) {
				v = "nonsense"
			}
			return []cell{{row, v}}
		},
	},
	{
		name: "selectors", rows: []string{"list", "watch", "deletecollection"}, cols: []string{"label", "field", "both", "bad label", "bad field"},
		cells: func(a asked) []cell {
			l, f := a.LabelSelector != "", a.FieldSelector != ""
			switch {
			case l && f:
				return []cell{{a.Verb, "both"}}
			case l && a.Code == 400:
				return []cell{{a.Verb, "bad label"}}
			case f && a.Code == 400:
				return []cell{{a.Verb, "bad field"}}
			case l:
				return []cell{{a.Verb, "label"}}
			case f:
				return []cell{{a.Verb, "field"}}
			}
			return nil
		},
	},
	{
		name: "deletion", rows: []string{"delete", "deletecollection"},
		cols: []string{"Background", "Foreground", "Orphan", "orphanDependents", "gracePeriodSeconds", "preconditions", "nonsense policy", "finalizers"},
		cells: func(a asked) (cells []cell) {
			if a.Verb != "delete" && a.Verb != "deletecollection" {
				return nil
			}
			said := a.Target + "\n" + a.Body
			for _, c := range []string{"Background", "Foreground", "Orphan", "orphanDependents", "gracePeriodSeconds", "preconditions"} {
				if strings.Contains(said, c) && a.Code < 500 {
					cells = append(cells, cell{a.Verb, c})
				}
			}
			if strings.Contains(said, "propagationPolicy") && a.Code >= 400 {
				cells = append(cells, cell{a.Verb, "nonsense policy"})
			}
			if strings.Contains(a.Answer, "deletionTimestamp") {
				cells = append(cells, cell{a.Verb, "finalizers"})
			}
			return cells
		},
	},
	{
		name: "verb x scope", rows: verbs, cols: []string{"namespace", "all namespaces", "cluster"},
		cells: func(a asked) []cell {
			switch {
			case a.Code >= 300 || a.Subresource != "":
				return nil
			case a.Namespace != "" && a.Resource != "namespaces":
				return []cell{{a.Verb, "namespace"}}
			case namespaced[a.Resource]:
				return []cell{{a.Verb, "all namespaces"}}
			}
			return []cell{{a.Verb, "cluster"}}
		},
		without: map[string]string{
			"get / all namespaces": notNamed, "create / all namespaces": notNamed, "update / all namespaces": notNamed,
			"patch / all namespaces": notNamed, "delete / all namespaces": notNamed, "deletecollection / all namespaces": notNamed,
		},
	},
}

var (
	eventType  = regexp.MustCompile(`"type": "([A-Z]+)"\}$`)
	namespaced = map[string]bool{"configmaps": true, "secrets": true, "leases": true, "pods": true, "events": true, "serviceaccounts": true, "roles": true}
)

func bare(contentType string) string {
	t, _, _ := strings.Cut(contentType, ";")
	return t
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func bodyMedia(a asked) string {
	if strings.TrimSpace(a.Body) == "" {
		return "none"
	}
	t := bare(a.Header.Get("Content-Type"))
	if t == "" {
		t = "application/json"
	}
	return medias[t]
}

// answers tells encoding and shape of a good answer.
func answers(a asked) []cell {
	if a.Code >= 300 {
		return nil
	}
	m := medias[bare(a.ContentType)]
	accept := a.Header.Get("Accept")
	switch {
	case strings.Contains(a.Answer, `"Table"`) && strings.Contains(accept, "as=Table"):
		m += " Table"
	case strings.Contains(accept, "as=PartialObjectMetadata") && strings.Contains(a.Answer, `"PartialObjectMetadata`):
		m += " Partial"
	case strings.Contains(a.Target, "pretty=") || strings.Contains(accept, "pretty=1"):
		m += " pretty"
	}
	return []cell{{a.Verb, m}}
}

func withLimit(rows ...string) (all []string) {
	for _, r := range rows {
		all = append(all, r, r+" limit")
	}
	return all
}

// revision classifies the resourceVersion of a list or watch. Revision 1 is from before any server's first object.
func revision(a asked) string {
	switch rv := a.query.Get("resourceVersion"); {
	case rv == "":
		return "unset"
	case rv == "0":
		return "0"
	case strings.Contains(rv, "{{"):
		return "kept"
	case len(rv) > 9 && strings.Trim(rv, "0123456789") == "":
		return "future"
	case rv == "1":
		return "too old"
	}
	return "invalid"
}

func match(a asked) string {
	switch m := a.query.Get("resourceVersionMatch"); m {
	case "":
		return "unset"
	case "Exact", "NotOlderThan":
		return m
	}
	return "nonsense"
}

func pages(a asked) (cells []cell) {
	if a.Verb != "list" {
		return nil
	}
	add := func(row string, is bool) {
		if is {
			cells = append(cells, cell{row, "-"})
		}
	}
	next, ok := a.query.Has("continue"), a.Code == 200
	more := strings.Contains(a.Answer, `"continue"`)
	add("first", ok && !next && more)
	add("next", ok && next && more)
	add("last", ok && next && !more)
	add("remainder counted", strings.Contains(a.Answer, "remainingItemCount"))
	add("with selector", ok && more && a.LabelSelector != "")
	add("continue and resourceVersion", next && a.query.Has("resourceVersion"))
	add("continue and match", next && a.query.Has("resourceVersionMatch"))
	add("continue broken", next && a.Code == 400)
	add("continue too old", next && a.Code == 410)
	return cells
}

func watches(a asked) []cell {
	if a.Verb != "watch" {
		return nil
	}
	bookmarks, _ := a.query["allowWatchBookmarks"]
	col := "plain"
	switch {
	case a.query.Get("sendInitialEvents") == "true" && len(bookmarks) > 0:
		col = "initial events"
	case a.query.Get("sendInitialEvents") == "true":
		col = "initial events, no bookmarks"
	case a.query.Has("sendInitialEvents"):
		col = "no initial events"
	case a.query.Get("resourceVersionMatch") == "Exact":
		col = "Exact"
	case len(bookmarks) > 0:
		col = "bookmarks"
	}
	return []cell{{revision(a), col}}
}

// conflicts knows them by how they are told.
func conflicts(a asked) (cells []cell) {
	for _, c := range []struct{ row, verb, says string }{
		{"update with an old resourceVersion", "update", "the object has been modified"},
		{"update with another uid", "update", "Precondition failed: UID"},
		{"update of what must name its resourceVersion", "update", "must be specified for an update"},
		{"patch with an old resourceVersion", "patch", "the object has been modified"},
		{"patch of the uid", "patch", "metadata.uid: Invalid value"},
		{"apply of what others have", "patch", "conflict with"},
		{"apply with an old resourceVersion", "patch", "the object has been modified"},
		{"delete with an old resourceVersion", "delete", "the ResourceVersion in the precondition"},
		{"delete of another uid", "delete", "the UID in the precondition"},
		{"create of what is there", "create", "already exists"},
		{"generated name", "create", "<generated-1>"},
		{"create in a dying namespace", "create", "because it is being terminated"},
		{"create in a namespace that is not there", "create", `namespaces \"`},
		{"create with a resourceVersion", "create", "resourceVersion should not be set"},
		{"name that is not the URL's", "update", "does not match the name on the URL"},
		{"namespace that is not the URL's", "create", "does not match the namespace"},
		{"finalizers of what is dying", "update", "no new finalizers can be added"},
		{"protected namespace", "delete", "this namespace may not be deleted"},
	} {
		apply := strings.Contains(a.Header.Get("Content-Type"), "apply-patch")
		if a.Verb == c.verb && strings.Contains(a.Answer, c.says) && (a.Verb != "patch" || apply == strings.HasPrefix(c.row, "apply")) {
			cells = append(cells, cell{c.row, "-"})
		}
	}
	return cells
}

// TestMatrix prints what the scripts ask, and fails on a cell that has neither a script nor a reason, and on a reason
// that is not needed any more.
func TestMatrix(t *testing.T) {
	scripts, err := script.LoadAll("testdata/script")
	if err != nil {
		t.Fatal(err)
	}
	var all []asked
	for _, s := range scripts {
		if s.Skip["pintle"] != "" {
			continue // proves nothing yet
		}
		if strings.HasPrefix(s.Name, "custom-") || strings.HasPrefix(s.Name, "crd-") {
			continue // what the built-in kinds are asked has to be complete by itself; the same is asked of custom ones
		}
		for _, e := range s.Exchanges() {
			// Variables have no escapes: keep them apart from the query.
			u, err := url.Parse(strings.NewReplacer("{{", "%7B%7B", "}}", "%7D%7D").Replace(e.Target))
			if err != nil {
				continue // odd on purpose
			}
			in, err := request.Parse(e.Method, u)
			if err != nil || !in.IsResource {
				continue
			}
			all = append(all, asked{e, in, u.Query()})
		}
	}
	for i := range matrix {
		m := &matrix[i]
		t.Run(strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) { m.check(t, all) })
	}
}

func (m *table) check(t *testing.T, all []asked) {
	found := map[cell]map[string]bool{}
	for _, a := range all {
		for _, c := range m.cells(a) {
			if found[c] == nil {
				found[c] = map[string]bool{}
			}
			found[c][a.Script] = true
		}
	}
	var b strings.Builder
	width := 0
	for _, r := range m.rows {
		width = max(width, len(r))
	}
	fmt.Fprintf(&b, "\n%-*s", width, "")
	for _, c := range m.cols {
		fmt.Fprintf(&b, "  %s", c)
	}
	used := map[string]bool{}
	scripted, excused := 0, 0
	for _, r := range m.rows {
		fmt.Fprintf(&b, "\n%-*s", width, r)
		for _, c := range m.cols {
			mark := ""
			reasoned := false
			for _, key := range []string{r + " / " + c, r + " / *", "* / " + c} {
				if m.without[key] != "" && len(found[cell{r, c}]) == 0 {
					used[key], reasoned = true, true
				}
			}
			switch n := len(found[cell{r, c}]); {
			case n > 0:
				mark = fmt.Sprint(n)
				scripted++
			case reasoned:
				mark = "-"
				excused++
			default:
				mark = "?"
				t.Errorf("%s: %s / %s has neither a script nor a reason", m.name, r, c)
			}
			fmt.Fprintf(&b, "  %*s", len(c), mark)
		}
	}
	for key := range m.without {
		if !used[key] {
			t.Errorf("%s: %s has a script: its reason is not needed", m.name, key)
		}
	}
	t.Logf("%s: %d cells with scripts (how many), %d with reasons (-)%s", m.name, scripted, excused, b.String())
}
