// Command facts asks a fresh bare reference server for what pintle has to know
// about it, and writes the answers down:
//
//	../internal/builtin/recorded/discovery/   every discovery document
//	../internal/builtin/recorded/etcdkeys.txt where one object of each resource is kept in etcd
//	testdata/openapi/openapi-v3.txtar.gz      every OpenAPI v3 document
//	testdata/openapi/openapi-v2.json.gz       the OpenAPI v2 document
//	testdata/etcd/                            the stored bytes of those objects, and how they are served
//
// Run it in the reference module: go run ./cmd/facts
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/pintle-io/pintle/reference"
)

func main() {
	root := flag.String("root", "..", "the root of the pintle checkout")
	flag.Parse()
	if err := run(context.Background(), *root); err != nil {
		fmt.Fprintln(os.Stderr, "facts:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root string) error {
	s, err := reference.Start(ctx, reference.Options{Bare: true})
	if err != nil {
		return err
	}
	defer s.Stop()
	f := &facts{s: s, c: s.Client()}
	recorded := filepath.Join(root, "internal", "builtin", "recorded")
	testdata := filepath.Join(root, "reference", "testdata")
	if err := f.discovery(filepath.Join(recorded, "discovery")); err != nil {
		return err
	}
	if err := f.openapi(filepath.Join(testdata, "openapi", "openapi-v3.txtar.gz")); err != nil {
		return err
	}
	if err := f.openapiV2(filepath.Join(testdata, "openapi", "openapi-v2.json.gz")); err != nil {
		return err
	}
	return f.etcd(ctx, filepath.Join(recorded, "etcdkeys.txt"), filepath.Join(testdata, "etcd"))
}

type facts struct {
	s *reference.Server
	c *http.Client
}

// do sends one request and returns body and headers of a 2xx answer.
func (f *facts) do(method, path, accept, contentType string, body []byte) ([]byte, http.Header, error) {
	req, err := http.NewRequest(method, f.s.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", accept)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := f.c.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, data)
	}
	return data, resp.Header, err
}

const (
	asJSON     = "application/json"
	aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
)

// discovery writes /api/v1 to api/v1.json, and so on. The server's own address
// becomes 192.0.2.1:6443: it is another one on each run.
func (f *facts) discovery(dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	var etags []string
	get := func(path, accept, file string) ([]byte, error) {
		data, header, err := f.do("GET", path, accept, "", nil)
		if err != nil {
			return nil, err
		}
		if tag := header.Get("ETag"); tag != "" {
			etags = append(etags, path+"\t"+accept+"\t"+tag)
		}
		var doc struct {
			ServerAddressByClientCIDRs []struct{ ServerAddress string }
		}
		if err := json.Unmarshal(data, &doc); err != nil {
			return nil, err
		}
		text := string(data)
		for _, a := range doc.ServerAddressByClientCIDRs {
			text = strings.ReplaceAll(text, a.ServerAddress, "192.0.2.1:6443")
		}
		return data, write(filepath.Join(dir, file), pretty([]byte(text)))
	}
	for _, path := range []string{"/version", "/api", "/api/v1"} {
		if _, err := get(path, asJSON, path+".json"); err != nil {
			return err
		}
	}
	data, err := get("/apis", asJSON, "apis.json")
	if err != nil {
		return err
	}
	var groups struct {
		Groups []struct {
			Name     string
			Versions []struct{ GroupVersion string }
		}
	}
	if err := json.Unmarshal(data, &groups); err != nil {
		return err
	}
	for _, g := range groups.Groups {
		if _, err := get("/apis/"+g.Name, asJSON, "apis/"+g.Name+".json"); err != nil {
			return err
		}
		for _, v := range g.Versions {
			if _, err := get("/apis/"+v.GroupVersion, asJSON, "apis/"+v.GroupVersion+".json"); err != nil {
				return err
			}
		}
	}
	for _, path := range []string{"/api", "/apis"} {
		if _, err := get(path, aggregated, "aggregated"+path+".json"); err != nil {
			return err
		}
	}
	return write(filepath.Join(dir, "etags.txt"), []byte(strings.Join(etags, "\n")+"\n"))
}

// openapi writes the index and each document that it names, as they came, into
// one gzip-ed txtar archive; a file's name is the request path without the hash.
func (f *facts) openapi(file string) error {
	index, _, err := f.do("GET", "/openapi/v3", asJSON, "", nil)
	if err != nil {
		return err
	}
	var paths struct {
		Paths map[string]struct{ ServerRelativeURL string }
	}
	if err := json.Unmarshal(index, &paths); err != nil {
		return err
	}
	a := &txtar.Archive{
		Comment: []byte("OpenAPI v3 documents of kube-apiserver " + reference.KubernetesVersion + ", compact JSON as served.\n"),
		Files:   []txtar.File{{Name: "openapi/v3", Data: index}},
	}
	var names []string
	for name := range paths.Paths {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		u, err := url.Parse(paths.Paths[name].ServerRelativeURL)
		if err != nil {
			return err
		}
		data, _, err := f.do("GET", u.String(), asJSON, "", nil)
		if err != nil {
			return err
		}
		if !json.Valid(data) || bytes.Contains(data, []byte("\n-- ")) {
			return fmt.Errorf("%s: not for a txtar archive", u)
		}
		a.Files = append(a.Files, txtar.File{Name: strings.TrimPrefix(u.Path, "/"), Data: data})
	}
	return writeGzip(file, txtar.Format(a))
}

// openapiV2 writes the one document, as it came.
func (f *facts) openapiV2(file string) error {
	data, _, err := f.do("GET", "/openapi/v2", asJSON, "", nil)
	if err != nil {
		return err
	}
	return writeGzip(file, data)
}

func writeGzip(file string, data []byte) error {
	var buf bytes.Buffer
	z, _ := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if _, err := z.Write(data); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return write(file, buf.Bytes())
}

// pretty indents JSON and keeps its key order.
func pretty(data []byte) []byte {
	var buf bytes.Buffer
	if json.Indent(&buf, bytes.TrimSpace(data), "", "  ") != nil {
		return data
	}
	buf.WriteByte('\n')
	return buf.Bytes()
}

func write(file string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}
