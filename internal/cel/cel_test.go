package cel_test

import (
	"testing"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

func tree(t testing.TB, text string) map[string]any {
	t.Helper()
	if text == "" {
		return nil
	}
	var v map[string]any
	if err := utiljson.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
