package discovery

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pintle-io/pintle/internal/builtin"
	"github.com/pintle-io/pintle/internal/resource"
)

// recorded is where the reference's discovery documents are.
const recorded = "../builtin/recorded/discovery"

func readRecorded(t testing.TB, path string, into any) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(recorded, path+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return b
}

// builtinSnapshot is the catalog of a server as it comes.
func builtinSnapshot(t testing.TB) *resource.Snapshot {
	var c resource.Catalog
	c.Set(builtin.Groups(builtin.All(resource.Deps{})))
	return c.Load()
}

// everything is the catalog of a server that serves every version.
func everything(t testing.TB) *resource.Snapshot {
	all := builtin.All(resource.Deps{Features: func(string) bool { return true }})
	if err := builtin.Configure(all, map[string]string{"api/all": "true"}); err != nil {
		t.Fatal(err)
	}
	var c resource.Catalog
	c.Set(builtin.Groups(all))
	return c.Load()
}

func recordedPaths(t testing.TB) []string {
	var out []string
	err := filepath.Walk(recorded, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		path = filepath.ToSlash(strings.TrimPrefix(path, recorded+string(filepath.Separator)))
		if name, ok := strings.CutSuffix(path, ".json"); ok && !strings.HasPrefix(path, "aggregated/") && name != "version" {
			out = append(out, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
