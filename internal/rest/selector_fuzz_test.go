package rest_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	"github.com/pintle-io/pintle/internal/corpus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
)

// FuzzSelectors lists secrets with any selectors: the answer is 400 exactly where the selectors can't be read, and
// otherwise the objects that apimachinery's own matching picks.
func FuzzSelectors(f *testing.F) {
	corpus.Add(f)
	for _, s := range [][2]string{
		{"a=b", ""}, {"a in (b,c),!d", "type=x"}, {"a notin (b)", "metadata.name!=s1"}, {"a", "metadata.namespace=default,type!=Opaque"},
		{"a>1", `type=a\,b`}, {"a==1,b!=", "type==x"}, {"", ","}, {"a gt 1", "nope=1"},
	} {
		f.Add(s[0], s[1])
	}
	r := newA(f)
	const path = "/api/v1/namespaces/default/secrets"
	type stored struct{ labels, fields labels.Set }
	var all []stored
	for i, l := range []string{`{}`, `{"a":"b"}`, `{"a":"c","d":""}`, `{"a":"1","b":"2"}`, `{"a":"20"}`} {
		typ := []string{"Opaque", "x", "a,b"}[i%3]
		name := fmt.Sprintf("s%d", i)
		r.must(201, "POST "+path, fmt.Sprintf(`{"metadata":{"name":%q,"labels":%s},"type":%q}`, name, l, typ))
		s := stored{fields: labels.Set{"metadata.name": name, "metadata.namespace": "default", "type": typ}}
		if err := json.Unmarshal([]byte(l), &s.labels); err != nil {
			f.Fatal(err)
		}
		all = append(all, s)
	}
	f.Fuzz(func(t *testing.T, label, field string) {
		r := &rig{r.Server, t, r.cfg}
		w := r.do(path+"?"+url.Values{"labelSelector": {label}, "fieldSelector": {field}}.Encode(), "")
		ls, lerr := labels.Parse(label)
		fs, ferr := fields.ParseSelector(field)
		bad := lerr != nil || ferr != nil
		if !bad {
			for _, q := range fs.Requirements() {
				_, known := all[0].fields[q.Field]
				bad = bad || !known
			}
		}
		if bad {
			if w.Code != 400 {
				t.Fatalf("labels %q, fields %q: %d %s", label, field, w.Code, w.Body)
			}
			return
		}
		var want, got []string
		for _, s := range all {
			if ls.Matches(s.labels) && fs.Matches(fields.Set(s.fields)) {
				want = append(want, s.fields["metadata.name"])
			}
		}
		var list metav1.PartialObjectMetadataList
		if err := json.Unmarshal(w.Body.Bytes(), &list); w.Code != 200 || err != nil {
			t.Fatalf("labels %q, fields %q: %d %s", label, field, w.Code, w.Body)
		}
		for i := range list.Items {
			got = append(got, list.Items[i].Name)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("labels %q, fields %q: got %v, want %v", label, field, got, want)
		}
	})
}
