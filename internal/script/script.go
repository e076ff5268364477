// Package script replays recorded conversations with an API server: the
// behaviour scripts of testdata/script.
//
// Its nouns: a Script is one file, a conversation about one behaviour; a Step
// is one request of it, or a watch; a Target is a server to have the
// conversation with; an Answer is what a server said to a step, with all that
// differs from run to run normalised; a Recorder writes a server's answers
// into the file.
//
// A file is a txtar archive. Its comment describes the behaviour in lines that
// start with #, and may hold directives, "skip-on: TARGET reason",
// "skip-kind-on: TARGET reason" where it is for this kind only that the target cannot answer, and
// "differs: reason", "needs: cbor" for a server that serves CBOR, "needs: compacted" for one
// that has no history before its start, "unordered: causes" where a reference tells causes in the order of a map. Its files are the steps in running order, each request
// followed by its answer:
//
//	-- req1 --
//	POST /api/v1/namespaces/{{ns}}/configmaps?dryRun=All
//
//	{"metadata": {"name": "a"}}
//	-- resp1 --
//	201 Created
//	Content-Type: application/json
//
//	{...}
//	-- watch2 --
//	GET /api/v1/namespaces/{{ns}}/configmaps?watch=1
//	Events: 2
//	-- req3 --
//	...
//	-- events2 --
//	200 OK
//
//	{"object": {...}, "type": "ADDED"}
//
// A request is a line with method and path, header lines, an empty line and the
// body. Accept is application/json where it is not given, and so is the
// Content-Type of a body that is POSTed or PUT; a header whose value is "-" is
// not sent. A body for a protobuf or CBOR content type is written as JSON and
// encoded before it is sent, except with the header "Raw-Body: text".
//
// {{resp1.metadata.uid}} is taken from the answer of an earlier step, and so is
// {{resp1.header.ETag}};
// {{name}} and {{ns}} are the script's name, {{ns2}} is a second namespace, and
// {{repeat:TEXT:N}} is TEXT, N times; {{hook}} and {{hookCA}} say where a
// conversion webhook is to be found (hook.go). Namespaces that a script mentions
// in this way are there when it starts; they, the webhook, and what the script
// created, are gone when it has ended. So one server can be asked all scripts,
// one after the other or at once.
//
// A file "crdN" is a CustomResourceDefinition, in YAML or JSON, that is no part of the conversation itself: it is created
// where it stands, and what follows comes when the server has established it and serves all of its versions.
//
// Servers show some changes later than they answer for them. A request with the header "Until: TEXT" is sent again until
// the answer, shown as it is recorded but not normalised, holds TEXT, white space aside; "Until: 200 OK" is a way to
// wait for a code. More than one such header have to hold together. The last answer is the recorded one, whatever it says
// when the target's patience is at its end.
//
// "Show: PATH" records a part of the answer only, "Show: code" its first line: for what is in the script to get
// somewhere, or what holds other scripts' objects too. A path is dotted; [key=value] picks an element of a list,
// as in "Show: items.[metadata.name={{name}}.example.com].versions.0".
//
// A watch is opened where it stands, and its answer stands where it is waited
// for: after so many events as the "Events" header says, when the server ends
// the stream, or after "Timeout" (10s).
//
// Scripts are values; Run may be called for many at once on one Target.
package script

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/tools/txtar"
)

// A Script is one conversation.
type Script struct {
	Name        string // the file's name without its extension; also its namespace
	Path        string
	Description string
	Skip        map[string]string // target's name -> reason
	Differs     string            // why pintle's answers differ on purpose
	Unordered   bool              // the causes of refusals come in any order
	Needs       string            // what the recorded server must have switched on: "", "cbor" or "compacted"
	Steps       []Step

	comment []byte
}

// A Step is something to do: send a request, open a watch, or wait for one; or to have a type defined.
type Step struct {
	Kind    Kind
	Number  string // ties a request to its answer
	Request string // as written; empty for Events
	Want    string // the recorded answer; empty for Watch and Define
}

// Kind of a step.
type Kind int

const (
	Request Kind = iota // a request and its answer
	Watch               // a watch is opened
	Events              // the answer of a watch is waited for
	Define              // a CustomResourceDefinition is made
)

// answer is the name of the file that holds the step's answer.
func (s Step) answer() string {
	if s.Kind == Request {
		return "resp" + s.Number
	}
	return "events" + s.Number
}

// A second namespace is called name-2.
var scriptName = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,59}[a-z0-9])?$`)

var stepName = regexp.MustCompile(`^(req|resp|watch|events|crd)([0-9]+)$`)

// Load reads one file.
func Load(path string) (*Script, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s, err := Parse(strings.TrimSuffix(filepath.Base(path), ".txtar"), data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	s.Path = path
	return s, nil
}

// LoadAll reads the scripts of a folder, in the order of their names.
func LoadAll(dir string) ([]*Script, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil {
		return nil, err
	}
	var all []*Script
	for _, p := range paths {
		s, err := Load(p)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Parse reads the text of a script.
func Parse(name string, data []byte) (*Script, error) {
	a := txtar.Parse(data)
	s := &Script{Name: name, Skip: map[string]string{}, comment: a.Comment}
	if err := s.parseComment(string(a.Comment)); err != nil {
		return nil, err
	}
	open := map[string]bool{}      // watches without an answer yet
	seen := map[string]bool{}      // file names
	answers := map[string]string{} // of requests, by number
	for _, f := range a.Files {
		m := stepName.FindStringSubmatch(f.Name)
		if m == nil {
			return nil, fmt.Errorf("a file is called %q, not reqN, respN, watchN, eventsN or crdN", f.Name)
		}
		if seen[f.Name] {
			return nil, fmt.Errorf("two files are called %s", f.Name)
		}
		seen[f.Name] = true
		text := string(f.Data)
		switch m[1] {
		case "req":
			s.Steps = append(s.Steps, Step{Kind: Request, Number: m[2], Request: text})
		case "resp":
			if !seen["req"+m[2]] {
				return nil, fmt.Errorf("%s has no request before it", f.Name)
			}
			answers[m[2]] = text
		case "watch":
			s.Steps = append(s.Steps, Step{Kind: Watch, Number: m[2], Request: text})
			open[m[2]] = true
		case "crd":
			s.Steps = append(s.Steps, Step{Kind: Define, Number: m[2], Request: text})
		case "events":
			if !open[m[2]] {
				return nil, fmt.Errorf("%s has no watch before it", f.Name)
			}
			delete(open, m[2])
			s.Steps = append(s.Steps, Step{Kind: Events, Number: m[2], Want: text})
		}
	}
	for i, step := range s.Steps {
		if step.Kind == Request {
			s.Steps[i].Want = answers[step.Number]
		}
	}
	s.closeWatches(open)
	if !scriptName.MatchString(name) {
		return nil, fmt.Errorf("the name %q is no namespace's", name)
	}
	if len(s.Steps) == 0 {
		return nil, fmt.Errorf("no steps")
	}
	return s, nil
}

// closeWatches has a watch that nobody waits for yet (a new script) waited for
// right where it is opened.
func (s *Script) closeWatches(open map[string]bool) {
	for i := len(s.Steps) - 1; i >= 0; i-- {
		if st := s.Steps[i]; st.Kind == Watch && open[st.Number] {
			s.Steps = append(s.Steps[:i+1], append([]Step{{Kind: Events, Number: st.Number}}, s.Steps[i+1:]...)...)
		}
	}
}

func (s *Script) parseComment(text string) error {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch key, value, _ := strings.Cut(line, ":"); {
		case line == "":
		case strings.HasPrefix(line, "#"):
			s.Description += strings.TrimSpace(strings.TrimLeft(line, "#")) + "\n"
		case key == "differs":
			s.Differs = strings.TrimSpace(value)
		case line == "unordered: causes":
			s.Unordered = true
		case key == "needs":
			s.Needs = strings.TrimSpace(value)
		case key == "skip-on" || key == "skip-kind-on":
			target, reason, ok := strings.Cut(strings.TrimSpace(value), " ")
			if !ok {
				return fmt.Errorf("%s without a reason: %q", key, line)
			}
			s.Skip[target] = reason
		default:
			return fmt.Errorf("neither description nor directive: %q", line)
		}
	}
	if s.Description == "" {
		return fmt.Errorf("no description")
	}
	return nil
}

// Format is the text of the script with the answers in it.
func (s *Script) Format(answers []Answer) []byte {
	byName := map[string]string{}
	for _, a := range answers {
		byName[a.Name] = a.Text
	}
	out := &txtar.Archive{Comment: s.comment}
	add := func(name, text string) {
		out.Files = append(out.Files, txtar.File{Name: name, Data: []byte(text)})
	}
	for _, st := range s.Steps {
		switch st.Kind {
		case Request:
			add("req"+st.Number, st.Request)
			add(st.answer(), byName[st.answer()])
		case Watch:
			add("watch"+st.Number, st.Request)
		case Define:
			add("crd"+st.Number, st.Request)
		case Events:
			add(st.answer(), byName[st.answer()])
		}
	}
	return txtar.Format(out)
}

// Record writes the answers into the script's file.
func (s *Script) Record(answers []Answer) error {
	return os.WriteFile(s.Path, s.Format(answers), 0o644)
}
