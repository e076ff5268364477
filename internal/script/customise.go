package script

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// CustomPrefix begins the names of scripts that Customise makes.
const CustomPrefix = "custom-verbs-"

// Customise turns a conversation about ConfigMaps into the same about a custom resource, Notes, with the fields that a
// ConfigMap has; ok is false for a script that is about something else too. The answers are those of before, if before,
// the script of this name so far, asks the same; otherwise they have to be recorded.
func Customise(s *Script, before *Script) (custom *Script, ok bool) {
	custom = &Script{Name: CustomPrefix + s.Name, Skip: map[string]string{}}
	if !scriptName.MatchString(custom.Name + "-2") {
		return nil, false
	}
	// What is skipped for the kind is not skipped for another one.
	comment := "# Made from " + s.Name + ".txtar, for a custom resource.\n" + ofKind.ReplaceAllString(string(s.comment), "")
	if s.Needs == "" && s.refusesPatch() {
		// The refusal tells all media types of patches, which are more where there is CBOR.
		comment += "needs: cbor\n"
	}
	custom.comment = []byte(comment)
	if custom.parseComment(comment) != nil {
		return nil, false
	}
	custom.Steps = []Step{{Kind: Define, Number: "1", Request: notes}}
	any := false
	latest := map[string]string{} // object's path -> the answer that tells its newest revision
	for _, st := range s.Steps {
		if st.Kind == Request || st.Kind == Watch {
			is, fits := false, false
			if st.Request, is, fits = customRequest(st.Request); !fits {
				return nil, false
			}
			any = any || is
			if is && st.Kind == Request {
				st.Request = conditional(st, latest)
			}
		}
		st.Want = ""
		custom.Steps = append(custom.Steps, st)
	}
	if before != nil && asksTheSame(custom, before) {
		custom = before
	}
	return custom, any
}

// refusesPatch says whether there is a patch of a kind that custom objects do not take.
func (s *Script) refusesPatch() bool {
	return slices.ContainsFunc(s.Steps, func(st Step) bool {
		return strings.HasPrefix(st.Request, http.MethodPatch+" ") && !customPatch.MatchString(st.Request)
	})
}

func asksTheSame(a, b *Script) bool {
	if len(a.Steps) != len(b.Steps) || string(a.comment) != string(b.comment) {
		return false
	}
	for i, st := range a.Steps {
		if o := b.Steps[i]; st.Kind != o.Kind || st.Number != o.Number || strings.TrimSpace(st.Request) != strings.TrimSpace(o.Request) {
			return false
		}
	}
	return true
}

var (
	ofKind        = regexp.MustCompile(`(?m)^skip-kind-on:.*\n`)
	configMapPath = regexp.MustCompile(`^([A-Z]+ )/api/v1/((?:watch/)?(?:namespaces/[^/ ?]+/)?)configmaps\b`)
	namespacePath = regexp.MustCompile(`^[A-Z]+ /api/v1/namespaces(/[^/?]+(/finalize|/status)?)?(\?.*)?$`)
	customPatch   = regexp.MustCompile(`application/(json-patch\+json|merge-patch\+json|apply-patch\+)`)
	versionKind   = regexp.MustCompile(`("?apiVersion"?:\s*"?)v1("?[,\s]\s*"?kind"?:\s*"?)ConfigMap\b`)
	kindVersion   = regexp.MustCompile(`("?kind"?:\s*"?)ConfigMap("?[,\s]\s*"?apiVersion"?:\s*"?)v1\b`)
)

// customRequest rewrites a request; is says that it is about ConfigMaps, fits that it is about nothing that a custom
// resource has no counterpart of.
func customRequest(text string) (out string, is, fits bool) {
	head, body, _ := strings.Cut(text, "\n\n")
	line, headers, _ := strings.Cut(head, "\n")
	if strings.Contains(headers, "protobuf") && body != "" {
		return "", false, false // custom objects have no such form
	}
	switch is = configMapPath.MatchString(line); {
	case is:
		line = configMapPath.ReplaceAllString(line, "$1/apis/{{name}}.example.com/v1/${2}notes")
	case !namespacePath.MatchString(line):
		return "", false, false
	}
	if is {
		body = customBody(line, headers, body)
	}
	out = strings.TrimRight(line+"\n"+headers, "\n") + "\n"
	if body != "" {
		out += "\n" + body
	}
	return out, is, true
}

// conditional gives an update that went through without a revision the newest one: a ConfigMap can be updated
// unconditionally, a custom object cannot.
func conditional(st Step, latest map[string]string) string {
	head, body, _ := strings.Cut(st.Request, "\n\n")
	line, _, _ := strings.Cut(head, "\n")
	method, target, _ := strings.Cut(line, " ")
	path, query, _ := strings.Cut(target, "?")
	if strings.Contains(query, "dryRun") || !(strings.HasPrefix(st.Want, "200 ") || strings.HasPrefix(st.Want, "201 ")) {
		return st.Request
	}
	var object struct {
		Metadata struct{ Name, ResourceVersion string }
	}
	err := json.Unmarshal([]byte(body), &object)
	if method == http.MethodPost {
		path += "/" + object.Metadata.Name
	}
	before := latest[path]
	if method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
		latest[path] = st.answer()
	}
	if method != http.MethodPut || err != nil || object.Metadata.ResourceVersion != "" || before == "" {
		return st.Request
	}
	revision := `"resourceVersion": "{{` + before + `.metadata.resourceVersion}}"`
	body = metadata.ReplaceAllString(body, "${1}"+revision+", ${2}")
	return head + "\n\n" + strings.Replace(body, ", }", "}", 1)
}

var metadata = regexp.MustCompile(`("metadata": *\{)(.)`)

func customBody(line, headers, body string) string {
	body = versionKind.ReplaceAllString(body, "${1}{{name}}.example.com/v1${2}Note")
	body = kindVersion.ReplaceAllString(body, "${1}Note${2}{{name}}.example.com/v1")
	body = strings.NewReplacer("ConfigMap", "Note", "configmaps", "notes").Replace(body)
	method, _, _ := strings.Cut(line, " ")
	if method != http.MethodPost && method != http.MethodPut {
		return body
	}
	// A built-in object may leave out what it is, a custom one may not.
	var object map[string]any
	if err := json.Unmarshal([]byte(body), &object); err == nil && object != nil && object["kind"] == nil && object["apiVersion"] == nil {
		rest := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(body), "{"))
		if rest != "}" {
			rest = ", " + rest
		}
		return `{"apiVersion": "{{name}}.example.com/v1", "kind": "Note"` + rest + "\n"
	}
	if strings.Contains(headers, "application/yaml") && strings.Contains(body, "metadata:") && !strings.Contains(body, "kind:") {
		return "apiVersion: {{name}}.example.com/v1\nkind: Note\n" + body
	}
	return body
}

// notes has the fields of a ConfigMap.
const notes = `{
  "apiVersion": "apiextensions.k8s.io/v1",
  "kind": "CustomResourceDefinition",
  "metadata": {"name": "notes.{{name}}.example.com"},
  "spec": {
    "group": "{{name}}.example.com",
    "scope": "Namespaced",
    "names": {"plural": "notes", "kind": "Note"},
    "versions": [
      {
        "name": "v1",
        "served": true,
        "storage": true,
        "schema": {
          "openAPIV3Schema": {
            "type": "object",
            "properties": {
              "data": {"type": "object", "additionalProperties": {"type": "string"}},
              "binaryData": {"type": "object", "additionalProperties": {"type": "string", "format": "byte"}},
              "immutable": {"type": "boolean"}
            }
          }
        }
      }
    ]
  }
}
`
