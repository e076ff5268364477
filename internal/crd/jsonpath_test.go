package crd

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"k8s.io/client-go/util/jsonpath"

	"github.com/pintle-io/pintle/internal/corpus"
)

var sample = map[string]any{
	"spec": map[string]any{"a": "x", "n": int64(3), "f": 1.5, "yes": true, "null": nil, "list": []any{"p", int64(2), nil}, "a-b": "dash",
		"deep": map[string]any{"er": map[string]any{"still": "here"}}, "empty": []any{}, "*": "star", "": "none", "a.b": "dot"},
	"status": map[string]any{
		"conditions": []any{
			map[string]any{"type": "Ready", "status": "True"},
			map[string]any{"type": "Synced", "status": "False", "n": int64(1)},
			map[string]any{"type": "Ready", "status": "Unknown"},
			map[string]any{"status": "no type"},
		},
		"mixed": []any{"text", map[string]any{"type": "Ready", "status": "True"}},
		"odd":   []any{map[string]any{"type": int64(1)}, map[string]any{"type": "Ready", "status": "True"}},
		"nulls": []any{map[string]any{"type": nil}, nil, map[string]any{"type": "Ready"}},
		"lists": []any{map[string]any{"type": "Ready", "list": []any{"one"}}, map[string]any{"type": "Ready", "list": "not one"}},
	},
}

var paths = []string{
	".spec.a", ".spec.n", ".spec.f", ".spec.yes", ".spec.null", ".spec.none", ".spec.a.b", ".spec.null.x", ".spec.list", ".spec.deep.er.still",
	".spec.a-b", ".spec.list[0]", ".spec.list[1]", ".spec.list[2]", ".spec.list[3]", ".spec.list[-1]", ".spec.list[-3]", ".spec.list[-4]", ".spec.list[2].x",
	".spec.empty[0]", ".spec.empty[-1]", ".spec.a[0]", ".spec.none[0]", ".spec.null[0]", ".spec.list[0].x", ".spec[0]",
	`.status.conditions[?(@.type=="Ready")].status`, `.status.conditions[?(@.type=='Ready')].status`, `.status.conditions[?(@.type == "Synced")].n`,
	`.status.conditions[?(@.type=="Nope")].status`, `.status.conditions[?(@.type=="Ready")]`, `.status.conditions[?(@.none=="Ready")]`,
	`.status.mixed[?(@.type=="Ready")].status`, `.status.odd[?(@.type=="Ready")].status`, `.status.nulls[?(@.type=="Ready")].type`,
	`.status.none[?(@.type=="Ready")].status`, `.status[?(@.type=="Ready")].status`, `.spec.null[?(@.type=="Ready")].status`,
	`.status.lists[?(@.type=="Ready")].list[0]`, `.status.lists[?(@.type=="Ready")].list`, `.status.conditions[?(@.type=="Ready")].status.x`,
	`.status.conditions[?(@.type!="Ready")].status`, `.status.conditions[?(@.n>0)].status`, `.status.conditions[?(@.n)].type`,
	".status.conditions[*].type", ".status.conditions[0:2].type", ".status.conditions[0,1].type", "..type", ".spec.*", ".", "", ".spec..a", ".spec.", ".*", ".spec.a\\.b",
	"$.spec.a", "@.spec.a", "spec.a", ".spec['a']", ".spec[\"a\"]", ".spec.a ", ". spec.a", ".spec.a}{.spec.n", ".spec.a} text", "{.spec.a}",
	`{range .status.conditions[*]}{.type}{end}`, ".status.conditions[", ".spec.a]", ".spec[?(@.a==1)]", ".status.conditions[?(@.type==Ready)].status",
	".status.conditions[+1].type", ".status.conditions[01].type", ".status.conditions[-01].type", ".status.conditions[].type", `.status.conditions[?(@.type=="Rea\"dy")].x`,
	`.status.conditions[?(@.type=="")].x`, `.status.conditions[?(@.type=="Ready)].x`, `.status.conditions[?(@.type==="Ready")].status`, `.spec[0]a`, ".spec.list[0][0]", ".a\tb", ".é.ü",
}

// viaLibrary is what the reference makes of a path.
func viaLibrary(text string, tree map[string]any) (value any, ok, readable bool) {
	j := jsonpath.New("x").AllowMissingKeys(true)
	if j.Parse("{"+text+"}") != nil {
		return nil, false, false
	}
	results, err := j.FindResults(tree)
	if err != nil || len(results) == 0 || len(results[0]) == 0 {
		return nil, false, true
	}
	return results[0][0].Interface(), true, true
}

func samePath(t *testing.T, text string, tree map[string]any) {
	t.Helper()
	want, wantOK, readable := viaLibrary(text, tree)
	p, err := newJSONPath(text)
	if (err == nil) != readable {
		t.Errorf("%s: error %v, the library can read it: %v", text, err, readable)
	}
	if err != nil {
		return
	}
	unordered := strings.Contains(text, "*") || strings.Contains(text, "..") // maps have no order: which is the first is anyone's guess
	if got, ok := p.first(tree); ok != wantOK || !unordered && !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v (%v), want %v (%v)", text, got, ok, want, wantOK)
	}
}

func TestPathsLikeTheLibrary(t *testing.T) {
	for _, text := range paths {
		samePath(t, text, sample)
	}
	n := 0
	for _, text := range paths {
		if simple(text) {
			n++
		}
	}
	if n < 40 {
		t.Errorf("only %d of the paths are simple", n)
	}
}

// TestRandomPaths glues pieces of paths together.
func TestRandomPaths(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	pieces := []string{".spec", ".status", ".conditions", ".list", ".a", ".type", ".odd", ".nulls", ".mixed", "[0]", "[-1]", "[2]", `[?(@.type=="Ready")]`,
		`[?(@.status=='True')]`, `[?(@.a=="x")]`, ".deep", ".er", "[1]", ".null", ".lists", " ", "[", "]", ".", "*", "'", "=", "(", "@", "\\", "[?(@.", `")]`, "-"}
	for range 50000 {
		var b strings.Builder
		for range 1 + r.IntN(5) {
			n := len(pieces)
			if r.IntN(4) > 0 {
				n -= 13
			}
			b.WriteString(pieces[r.IntN(n)])
		}
		if !strings.Contains(b.String(), "..") { // what is found first there is up to the order of a map
			samePath(t, b.String(), sample)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, p := range paths {
		f.Add(p, `{"spec":{"a":"x","list":["p",2,null]},"status":{"conditions":[{"type":"Ready","status":"True"}]}}`)
	}
	corpus.Add(f)
	f.Fuzz(func(t *testing.T, text, tree string) {
		var m map[string]any
		if json.Unmarshal([]byte(tree), &m) != nil || strings.Contains(text, "..") || len(text) > 200 {
			return
		}
		samePath(t, text, m)
	})
}

// TestPathsEnd: a path may lead to a value in so many ways that nobody lives to see its column.
func TestPathsEnd(t *testing.T) {
	var deep, lists any = "here", "here"
	for range 200 {
		deep, lists = map[string]any{"a": deep}, []any{lists}
	}
	tree := map[string]any{"deep": deep, "lists": lists}
	for _, text := range []string{strings.Repeat("..a", 30), ".lists" + strings.Repeat("[0,0]", 60), strings.Repeat("range ..a}{", 20) + ".b" + strings.Repeat("}{end", 20)} {
		p, err := newJSONPath(text)
		if err != nil {
			t.Errorf("%.20s: %v", text, err)
		} else if v, ok := p.first(tree); ok {
			t.Errorf("%.20s: %v", text, v)
		}
	}
	for _, text := range []string{"..a", ".deep..a..a", ".lists[0,0][0,0]"} {
		p, err := newJSONPath(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := p.first(tree); !ok {
			t.Errorf("%s leads nowhere", text)
		}
	}
}
