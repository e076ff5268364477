// Command conversions records what a reference server that serves every version shows of objects in each of their
// versions, and its discovery documents, into ../internal/builtin/testdata (see README.md there).
//
// Run it in the reference module: go run ./cmd/conversions
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/pintle-io/pintle/reference"
)

// Case is an object and what becomes of it.
type Case struct {
	Name   string          `json:"name"`
	Path   string          `json:"path"` // of the collection, with VERSION in the version's place
	Create json.RawMessage `json:"create"`
	Status json.RawMessage `json:"status,omitempty"` // merged into the status afterwards, in the first version
	// Versions are what is asked for: a version, or api/VERSION or apis/GROUP/VERSION where groups share a kind.
	Versions map[string]json.RawMessage `json:"versions"`
	// Key is where etcd keeps the object, for a kind that is stored as JSON, and Stored what is found there.
	Key    string          `json:"key,omitempty"`
	Stored json.RawMessage `json:"stored,omitempty"`
}

func main() {
	if err := run(context.Background(), filepath.Join("..", "internal", "builtin", "testdata")); err != nil {
		fmt.Fprintln(os.Stderr, "conversions:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string) error {
	s, err := reference.Start(ctx, reference.Options{Bare: true, Args: []string{"--runtime-config=api/all=true"}})
	if err != nil {
		return err
	}
	defer s.Stop()
	c := &client{s.URL, s.EtcdURL, s.Client()}
	for _, name := range []string{"api", "apis"} {
		body, err := c.do("GET", "/"+name, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", "", nil)
		if err != nil {
			return err
		}
		if err := write(filepath.Join(dir, name+"-all.json"), json.RawMessage(body)); err != nil {
			return err
		}
	}
	file := filepath.Join(dir, "conversions.json")
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var cases []Case
	if err := json.Unmarshal(data, &cases); err != nil {
		return err
	}
	for i := range cases {
		if err := c.record(&cases[i]); err != nil {
			return fmt.Errorf("%s: %w", cases[i].Name, err)
		}
	}
	return write(file, cases)
}

func write(file string, v any) error {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	return os.WriteFile(file, out.Bytes(), 0o644)
}

type client struct {
	url, etcd string
	http      *http.Client
}

func (c *client) do(method, path, accept, content string, body []byte) ([]byte, error) {
	req, err := http.NewRequest(method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	if content != "" {
		req.Header.Set("Content-Type", content)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s", method, path, data)
	}
	return data, err
}

func (c *client) record(k *Case) error {
	var head struct {
		APIVersion string
		Metadata   struct{ Name string }
	}
	if err := json.Unmarshal(k.Create, &head); err != nil {
		return err
	}
	version := head.APIVersion[strings.LastIndex(head.APIVersion, "/")+1:]
	in := func(v string) string {
		if _, rest, ok := strings.Cut(k.Path, "/VERSION"); ok && strings.Contains(v, "/") {
			return "/" + v + rest
		}
		return strings.Replace(k.Path, "VERSION", v, 1)
	}
	if _, err := c.do("POST", in(version), "application/json", "application/json", k.Create); err != nil {
		return err
	}
	if k.Status != nil {
		patch, _ := json.Marshal(map[string]any{"status": k.Status})
		if _, err := c.do("PATCH", in(version)+"/"+head.Metadata.Name+"/status", "application/json", "application/merge-patch+json", patch); err != nil {
			return err
		}
	}
	for v := range k.Versions {
		body, err := c.do("GET", in(v)+"/"+head.Metadata.Name, "application/json", "", nil)
		if err != nil {
			return err
		}
		if k.Versions[v], err = normal(body); err != nil {
			return err
		}
	}
	if k.Key != "" {
		var err error
		if k.Stored, err = c.stored(k.Key); err != nil {
			return err
		}
	}
	_, err := c.do("DELETE", in(version)+"/"+head.Metadata.Name, "application/json", "", nil)
	return err
}

// normal is an object without what is new each time.
func normal(body []byte) ([]byte, error) {
	var obj map[string]any
	if err := json.Unmarshal(body, &obj); err != nil {
		return nil, err
	}
	meta := obj["metadata"].(map[string]any)
	for _, name := range []string{"uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"} {
		delete(meta, name)
	}
	return json.Marshal(obj)
}

// stored reads a key through etcd's JSON gateway.
func (c *client) stored(key string) ([]byte, error) {
	ask, _ := json.Marshal(map[string][]byte{"key": []byte(key)})
	resp, err := http.Post(c.etcd+"/v3/kv/range", "application/json", bytes.NewReader(ask))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var found struct{ Kvs []struct{ Value []byte } }
	if err := json.NewDecoder(resp.Body).Decode(&found); err != nil {
		return nil, err
	}
	if len(found.Kvs) != 1 {
		return nil, fmt.Errorf("%s: %d keys", key, len(found.Kvs))
	}
	return normal(found.Kvs[0].Value)
}
