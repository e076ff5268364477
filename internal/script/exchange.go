package script

import (
	"net/http"
	"strconv"
	"strings"
)

// An Exchange is a request and what was recorded for it, taken apart: for those who want to know what the scripts are
// about. Variables stand in it as written, but for the namespaces' and the script's name.
type Exchange struct {
	Script         string
	Method, Target string
	Header         http.Header // of the request
	Body           string
	Code           int
	ContentType    string // of the answer
	Answer         string // its body
}

// Exchanges are the script's requests, watches included, in the order in which they were answered. Those without an
// answer are left out.
func (s *Script) Exchanges() []Exchange {
	names := strings.NewReplacer("{{ns}}", s.Name, "{{ns2}}", s.Name+"-2", "{{name}}", s.Name)
	var all []Exchange
	for _, st := range s.Steps {
		if st.Kind == Watch || st.Kind == Define || st.Want == "" {
			continue
		}
		e := Exchange{Script: s.Name, Header: http.Header{}}
		head, body, _ := strings.Cut(s.requestOf(st), "\n\n")
		lines := strings.Split(strings.TrimSpace(head), "\n")
		e.Method, e.Target, _ = strings.Cut(names.Replace(lines[0]), " ")
		e.Body = body
		for _, l := range lines[1:] {
			k, v, _ := strings.Cut(l, ":")
			e.Header.Add(k, strings.TrimSpace(v))
		}
		head, e.Answer, _ = strings.Cut(st.Want, "\n\n")
		lines = strings.Split(head, "\n")
		code, _, _ := strings.Cut(lines[0], " ")
		e.Code, _ = strconv.Atoi(code)
		for _, l := range lines[1:] {
			if v, ok := strings.CutPrefix(l, "Content-Type: "); ok {
				e.ContentType = v
			}
		}
		all = append(all, e)
	}
	return all
}
