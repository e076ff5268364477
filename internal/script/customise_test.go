package script

import (
	"strings"
	"testing"
)

// TestCustomised: the scripts that are made from others ask what those would make them ask.
func TestCustomised(t *testing.T) {
	all, err := LoadAll("../../testdata/script")
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*Script{}
	for _, s := range all {
		byName[s.Name] = s
	}
	made := map[string]bool{}
	for _, s := range all {
		if strings.HasPrefix(s.Name, CustomPrefix) {
			continue
		}
		before := byName[CustomPrefix+s.Name]
		custom, ok := Customise(s, before)
		if !ok {
			continue
		}
		made[custom.Name] = true
		if custom != before {
			t.Errorf("%s: go run ./cmd/customise in reference/, and record %s", s.Name, custom.Name)
		}
	}
	for name := range byName {
		if strings.HasPrefix(name, CustomPrefix) && !made[name] {
			t.Errorf("%s is made from nothing", name)
		}
	}
	if len(made) < 100 {
		t.Errorf("only %d scripts are made", len(made))
	}
}

func TestCustomiseLeavesOthers(t *testing.T) {
	for _, text := range []string{
		"GET /api/v1/namespaces/{{ns}}/secrets\n",
		"GET /api/v1/namespaces/{{ns}}\n", // nothing of a ConfigMap
	} {
		s, err := Parse("other", []byte("# x\n-- req1 --\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := Customise(s, nil); ok {
			t.Errorf("%q was made a custom resource's", text)
		}
	}
}
