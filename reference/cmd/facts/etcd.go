package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"sigs.k8s.io/yaml"
)

//go:embed objects.yaml
var objectsYAML []byte

// A resource is one row of aggregated discovery.
type resource struct {
	group, version, name, kind string
	namespaced                 bool
}

func (r resource) collection(namespace string) string {
	p := "/apis/" + r.group + "/" + r.version
	if r.group == "" {
		p = "/api/" + r.version
	}
	if r.namespaced {
		p += "/namespaces/" + namespace
	}
	return p + "/" + r.name
}

// file is the resource's name in file names and in etcdkeys.txt.
func (r resource) String() string {
	if r.group == "" {
		return r.name + "." + r.version
	}
	return r.name + "." + r.version + "." + r.group
}

// etcd creates the objects of objects.yaml and writes down the key that each
// one landed on, its stored value and the answer to a GET of it.
func (f *facts) etcd(ctx context.Context, keysFile, dir string) error {
	cli, err := clientv3.New(clientv3.Config{Endpoints: []string{f.s.EtcdURL}})
	if err != nil {
		return err
	}
	defer cli.Close()
	rows, err := f.resources()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	before, err := keys(ctx, cli)
	if err != nil {
		return err
	}

	var refused error            // all of them at once: objects.yaml needs mending
	lines := map[string]string{} // by resource
	for _, r := range rows {
		lines[r.String()] = ""
	}
	for doc := range strings.SplitSeq(string(objectsYAML), "---\n") {
		body, err := yaml.YAMLToJSON([]byte(doc))
		if err != nil {
			return err
		}
		var obj struct {
			APIVersion, Kind string
			Metadata         struct{ Name string }
		}
		if err := json.Unmarshal(body, &obj); err != nil {
			return err
		}
		i := slices.IndexFunc(rows, func(r resource) bool {
			return r.kind == obj.Kind && strings.TrimPrefix(r.group+"/"+r.version, "/") == obj.APIVersion
		})
		if i < 0 {
			return fmt.Errorf("objects.yaml: no resource for %s %s", obj.APIVersion, obj.Kind)
		}
		r, name := rows[i], obj.Metadata.Name
		path := r.collection("facts")
		if _, _, err := f.do(http.MethodPost, path, asJSON, asJSON, body); err != nil {
			refused = errors.Join(refused, err)
			continue
		}
		if name == "" || r.kind == "Binding" || strings.HasSuffix(r.kind, "Review") {
			continue // an answer, not an object
		}
		served, _, err := f.do(http.MethodGet, path+"/"+name, asJSON, "", nil)
		if err != nil {
			return err
		}
		key, value, err := find(ctx, cli, before, name)
		if err != nil {
			return fmt.Errorf("%s %s: %w", r, name, err)
		}
		before[key] = true
		lines[r.String()] = key
		if err := write(filepath.Join(dir, r.String()+".json"), pretty(served)); err != nil {
			return err
		}
		if err := write(filepath.Join(dir, r.String()+".b64"), wrap(value)); err != nil {
			return err
		}
	}

	if refused != nil {
		return refused
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# resource.version.group <tab> etcd key of its object; an empty key: not kept\n")
	for _, r := range rows {
		fmt.Fprintf(&out, "%s\t%s\n", r, lines[r.String()])
	}
	if err := write(keysFile, out.Bytes()); err != nil {
		return err
	}
	return f.systemKeys(ctx, cli, filepath.Join(dir, "allkeys.txt"))
}

// systemKeys writes every key that the server has, to show those that it keeps
// for itself beside the objects.
func (f *facts) systemKeys(ctx context.Context, cli *clientv3.Client, file string) error {
	all, err := keys(ctx, cli)
	if err != nil {
		return err
	}
	var list []string
	for k := range all {
		list = append(list, k)
	}
	slices.Sort(list)
	return write(file, []byte(strings.Join(list, "\n")+"\n"))
}

func keys(ctx context.Context, cli *clientv3.Client) (map[string]bool, error) {
	resp, err := cli.Get(ctx, "", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return nil, err
	}
	set := map[string]bool{}
	for _, kv := range resp.Kvs {
		set[string(kv.Key)] = true
	}
	return set, nil
}

// find returns the one key that is not among the known ones and ends in the name.
func find(ctx context.Context, cli *clientv3.Client, known map[string]bool, name string) (string, []byte, error) {
	resp, err := cli.Get(ctx, "", clientv3.WithPrefix())
	if err != nil {
		return "", nil, err
	}
	var found string
	var value []byte
	for _, kv := range resp.Kvs {
		if k := string(kv.Key); !known[k] && strings.HasSuffix(k, "/"+name) {
			if found != "" {
				return "", nil, fmt.Errorf("kept twice: %s and %s", found, k)
			}
			found, value = k, kv.Value
		}
	}
	if found == "" {
		return "", nil, fmt.Errorf("no new key")
	}
	return found, value, nil
}

// resources lists what the server serves, sorted.
func (f *facts) resources() ([]resource, error) {
	var rows []resource
	for _, path := range []string{"/api", "/apis"} {
		data, _, err := f.do(http.MethodGet, path, aggregated, "", nil)
		if err != nil {
			return nil, err
		}
		var list struct {
			Items []struct {
				Metadata struct{ Name string }
				Versions []struct {
					Version   string
					Resources []struct {
						Resource, Scope string
						ResponseKind    struct{ Kind string }
					}
				}
			}
		}
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, err
		}
		for _, g := range list.Items {
			for _, v := range g.Versions {
				for _, r := range v.Resources {
					rows = append(rows, resource{g.Metadata.Name, v.Version, r.Resource, r.ResponseKind.Kind, r.Scope == "Namespaced"})
				}
			}
		}
	}
	slices.SortFunc(rows, func(a, b resource) int {
		return strings.Compare(a.group+"/"+a.version+"/"+a.name, b.group+"/"+b.version+"/"+b.name)
	})
	return rows, nil
}

// wrap is base64 in lines that a diff can show.
func wrap(data []byte) []byte {
	s := base64.StdEncoding.EncodeToString(data)
	var out bytes.Buffer
	for len(s) > 76 {
		out.WriteString(s[:76] + "\n")
		s = s[76:]
	}
	out.WriteString(s + "\n")
	return out.Bytes()
}
