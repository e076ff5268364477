package script

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
)

// A hook is the conversion webhook of one run: an HTTPS server on loopback that is there for scripts which mention
// {{hook}}, its URL, and {{hookCA}}, the bundle to trust it by, in base64. What it does is said by the path it is
// called at, a word and what belongs to it:
//
//	/move/FIELD/OTHER   FIELD of v1 is OTHER of v2; both are dotted
//	/drop               as many objects as came, but for the last
//	/rename/NAME        metadata.name becomes NAME
//	/label/KEY/VALUE    and so does a label
//	/same               nothing is converted, not even apiVersion
//	/fail/TEXT          the review's result is a failure
//	/uid                the review is of another uid
//	/code/N             an answer that is no review, of that code
//
// It answers in the version of ConversionReview that it is asked in, and keeps nothing.
type hook struct{ server *httptest.Server }

func startHook() *hook {
	h := &hook{httptest.NewUnstartedServer(http.HandlerFunc(review))}
	h.server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it
	h.server.StartTLS()
	return h
}

func (h *hook) bundle() string {
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.server.Certificate().Raw}))
}

// names is what a normaliser has to hide of the hook.
func (h *hook) names() *strings.Replacer {
	return strings.NewReplacer(h.server.URL, "<hook>", strings.TrimPrefix(h.server.URL, "https://"), "<hook-address>", h.bundle(), "<hook-ca>")
}

func review(w http.ResponseWriter, r *http.Request) {
	var review struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Request    struct {
			UID               string           `json:"uid"`
			DesiredAPIVersion string           `json:"desiredAPIVersion"`
			Objects           []map[string]any `json:"objects"`
		} `json:"request"`
	}
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	word, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	first, second, _ := strings.Cut(rest, "/")
	uid, objects, result := review.Request.UID, review.Request.Objects, map[string]any{"status": "Success"}
	for _, o := range objects {
		if word != "same" {
			o["apiVersion"] = review.Request.DesiredAPIVersion
		}
		switch word {
		case "move":
			from, to := first, second
			if strings.HasSuffix(review.Request.DesiredAPIVersion, "/v1") {
				from, to = to, from
			}
			move(o, strings.Split(from, "."), strings.Split(to, "."))
		case "rename":
			set(o, rest, "metadata", "name")
		case "label":
			set(o, second, "metadata", "labels", first)
		}
	}
	switch word {
	case "drop":
		objects = objects[:len(objects)-1]
	case "fail":
		objects, result = nil, map[string]any{"status": "Failure", "message": rest}
	case "uid":
		uid = "another"
	case "code":
		code, _ := strconv.Atoi(rest)
		http.Error(w, "no review", code)
		return
	}
	w.Header().Set("Content-Type", mediaJSON)
	_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": review.APIVersion, "kind": review.Kind,
		"response": map[string]any{"uid": uid, "result": result, "convertedObjects": objects}})
}

// move takes a value from one place of an object to another. What it leaves empty behind it goes too.
func move(o map[string]any, from, to []string) {
	if value, ok := take(o, from); ok {
		set(o, value, to...)
	}
}

func take(o map[string]any, path []string) (value any, ok bool) {
	name := path[0]
	if len(path) == 1 {
		value, ok = o[name]
		delete(o, name)
		return value, ok
	}
	below, _ := o[name].(map[string]any)
	if value, ok = take(below, path[1:]); ok && len(below) == 0 {
		delete(o, name)
	}
	return value, ok
}

func set(o map[string]any, value any, path ...string) {
	for _, name := range path[:len(path)-1] {
		below, ok := o[name].(map[string]any)
		if !ok {
			below = map[string]any{}
			o[name] = below
		}
		o = below
	}
	o[path[len(path)-1]] = value
}

// hookValue is a variable that is about the hook.
func (r *run) hookValue(name string) (string, error) {
	if r.hook == nil {
		return "", fmt.Errorf("{{%s}}: there is no hook", name)
	}
	if name == "hookCA" {
		return r.hook.bundle(), nil
	}
	return r.hook.server.URL, nil
}
