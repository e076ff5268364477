package reference

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/client-go/rest"
)

// oldDefinitions are such as no API takes any more: only an etcd that has seen Kubernetes 1.21 and earlier holds them. Each
// is the spec of v1beta1 that follows the names; group and scope are the same in all.
var oldDefinitions = []struct{ plural, spec string }{
	{"frees", `"version":"v1","versions":[{"name":"v1","served":true,"storage":true}]`},
	{"looses", `"version":"v1","versions":[{"name":"v1","served":true,"storage":true}],"preserveUnknownFields":true,
"validation":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"properties":{"size":{"type":"integer","minimum":1},"name":{"type":"string"}},"required":["size"]}}}}`},
	{"structureds", `"version":"v1","versions":[{"name":"v1","served":true,"storage":true}],"preserveUnknownFields":true,"subresources":{"status":{}},
"additionalPrinterColumns":[{"name":"Size","type":"integer","JSONPath":".spec.size"}],
"validation":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{"size":{"type":"integer","minimum":1},"name":{"type":"string"}},"required":["size"]}}}}`},
	{"twos", `"version":"v1","versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object"}}}}},
{"name":"v2","served":true,"storage":false,"schema":{"openAPIV3Schema":{"properties":{"spec":{"type":"object"}}}}}],"preserveUnknownFields":true`},
}

func oldDefinition(plural, spec string) string {
	singular := strings.TrimSuffix(plural, "s")
	kind := strings.ToUpper(singular[:1]) + singular[1:]
	return fmt.Sprintf(`{"kind":"CustomResourceDefinition","apiVersion":"apiextensions.k8s.io/v1beta1","metadata":{"name":"%s.old.example.com","uid":"00000000-0000-0000-0000-0000%08x","generation":1,"creationTimestamp":"2019-01-01T00:00:00Z"},
"spec":{"group":"old.example.com","names":{"plural":%q,"singular":%q,"kind":%q,"listKind":"%sList"},"scope":"Namespaced",%s},
"status":{"conditions":[],"acceptedNames":{"plural":"","kind":""},"storedVersions":["v1"]}}`, plural, len(plural), plural, singular, kind, kind, spec)
}

// TestOldDefinitions: definitions from the time before structural schemas, found in etcd, get the same conditions, take the
// same objects and changes from pintle as from the reference.
func TestOldDefinitions(t *testing.T) {
	if testing.Short() {
		t.Skip("runs kube-apiserver")
	}
	s := startReference(t, "")
	p := startPintle(t, "--etcd-servers="+s.EtcdURL, "--etcd-prefix=/pintle")
	etcd, err := clientv3.New(clientv3.Config{Endpoints: []string{s.EtcdURL}})
	if err != nil {
		t.Fatal(err)
	}
	defer etcd.Close()
	for _, d := range oldDefinitions {
		for _, prefix := range []string{"/registry", "/pintle"} {
			if _, err := etcd.Put(t.Context(), prefix+"/apiextensions.k8s.io/customresourcedefinitions/"+d.plural+".old.example.com", oldDefinition(d.plural, d.spec)); err != nil {
				t.Fatal(err)
			}
		}
	}
	var said [2][]asked
	var wg sync.WaitGroup
	for i, side := range []struct {
		name   string
		config *rest.Config
	}{{"reference", s.config()}, {"pintle", p.rest}} {
		client, err := rest.HTTPClientFor(side.config)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			s := &teller{t: t, name: side.name, base: side.config.Host, client: client, clean: strings.NewReplacer()}
			for _, d := range oldDefinitions {
				s.old(d.plural)
			}
			for i := range s.said {
				s.said[i].answer = conditions.ReplaceAllStringFunc(s.said[i].answer, inOrder)
			}
			said[i] = s.said
		})
	}
	wg.Wait()

	compareAsked(t, said)
}

// The reference has a controller for each condition; which is first, chance decides.
var conditions = regexp.MustCompile(`"conditions":\[.*?}\]`)

func inOrder(list string) string {
	parts := strings.Split(strings.TrimSuffix(list, "]"), `{"type":`)
	for i := range parts {
		parts[i] = strings.TrimSuffix(parts[i], ",")
	}
	slices.Sort(parts)
	return strings.Join(parts, ";")
}

// old is what is asked of an old definition.
func (s *teller) old(plural string) {
	definition := "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/" + plural + ".old.example.com"
	objects := "/apis/old.example.com/v1/namespaces/default/" + plural
	s.settled(func() bool {
		_, answer := s.do("GET", definition, "", "", "")
		code, _ := s.do("GET", objects, "", "", "")
		return strings.Contains(answer, `"type":"NonStructuralSchema"`) && strings.Contains(answer, `"message":"the initial names have been accepted"`) && code == http.StatusOK
	}, definition)
	s.tell("GET", definition, "", "", "")
	kind := strings.ToUpper(plural[:1]) + plural[1:len(plural)-1]
	object := func(name, rest string) string {
		return fmt.Sprintf(`{"apiVersion":"old.example.com/v1","kind":%q,"metadata":{"name":%q},%s}`, kind, name, rest)
	}
	merge, apply := "application/merge-patch+json", "application/apply-patch+yaml"
	s.tell("POST", objects, "", "", object("a", `"spec":{"size":3,"unknown":{"deep":null}},"status":{"x":1}`))
	s.tell("POST", objects+"?fieldValidation=Strict", "", "", object("b", `"spec":{"size":3,"unknown":1},"other":[{"a":1}]`))
	s.tell("POST", objects+"?fieldValidation=Strict", "", "", object("c", `"spec":{"size":3},"metadata":{}`))
	s.tell("POST", objects, "", "", object("d", `"spec":{"size":0}`))
	s.tell("POST", objects, "", "", object("e", `"spec":{"size":3,"name":5}`))
	s.tell("POST", objects, "", "", object("f", `"spec":{}`))
	s.tell("POST", objects, "", "", object("g", `"spec":5`))
	s.tell("PATCH", objects+"/a?fieldManager=one", merge, "", `{"spec":{"more":["x"],"size":4}}`)
	s.tell("PATCH", objects+"/a?fieldManager=two", apply, "", object("a", `"spec":{"size":5}`))
	s.tell("PATCH", objects+"/a?fieldManager=two&force=true", apply, "", object("a", `"spec":{"size":5,"applied":{"x":1}}`))
	s.tell("PATCH", objects+"/h?fieldManager=two", apply, "", object("h", `"spec":{"size":5},"free":{"x":1}`))
	s.tell("GET", objects, "", asTable, "")
	s.tell("GET", objects+"/a/status", "", "", "")
	s.tell("GET", "/apis/old.example.com/v2/namespaces/default/"+plural+"/a", "", "", "")

	s.tell("PATCH", definition, merge, "", `{"metadata":{"labels":{"a":"b"}}}`)
	s.tell("PATCH", definition, merge, "", `{"spec":{"names":{"shortNames":["`+plural[:2]+`"]}}}`)
	s.settled(func() bool {
		_, answer := s.do("GET", definition, "", "", "")
		return strings.Count(answer, `"shortNames"`) == 2 // wanted, and accepted
	}, definition)
	structural := func() bool {
		_, answer := s.do("GET", definition, "", "", "")
		return !strings.Contains(answer, `"type":"NonStructuralSchema"`)
	}
	if answer := s.tell("PATCH", definition, merge, "", `{"spec":{"preserveUnknownFields":false}}`); !strings.Contains(answer, "is invalid") {
		s.settled(structural, definition)
	}
	s.tell("PATCH", definition, merge, "", `{"spec":{"preserveUnknownFields":false,"versions":[{"name":"v1","served":true,"storage":true,
"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{"size":{"type":"integer"}}}}}}}]},"status":{"storedVersions":["v1"]}}`)
	s.settled(func() bool {
		code, object := s.do("GET", objects+"/a", "", "", "")
		return structural() && (code != http.StatusOK || !strings.Contains(object, `"unknown":`))
	}, definition)
	s.tell("GET", definition, "", "", "")
	s.tell("GET", objects+"/a", "", "", "")
	s.tell("POST", objects, "", "", object("i", `"spec":{"size":3,"unknown":1}`))
	s.tell("PATCH", definition, merge, "", `{"spec":{"preserveUnknownFields":true}}`)
}

// settled waits until a server has come to what it will say.
func (s *teller) settled(done func() bool, what string) {
	for end := time.Now().Add(30 * time.Second); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			_, answer := s.do("GET", what, "", "", "")
			s.t.Errorf("%s: %s", s.name, answer)
			return
		}
	}
}
