package script

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

const (
	crdPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	again   = 50 * time.Millisecond // between two looks
)

func (t Target) patience() time.Duration {
	if t.Patience > 0 {
		return t.Patience
	}
	return 50 * time.Second
}

// A definition is what the runner has to know of a CustomResourceDefinition.
type definition struct {
	Metadata struct{ Name string }
	Spec     struct {
		Group    string
		Names    struct{ Plural string }
		Versions []struct {
			Name   string
			Served bool
		}
	}
}

// define creates a step's CustomResourceDefinition and returns when it is established and each of its served versions
// is there to be listed.
func (r *run) define(ctx context.Context, step Step) error {
	text, err := substitute(step.Request, false, r.expand)
	if err != nil {
		return err
	}
	var d definition
	if err := yaml.Unmarshal([]byte(text), &d); err != nil {
		return err
	}
	status, body, err := r.call(ctx, http.MethodPost, crdPath, "application/yaml", text)
	if err != nil {
		return err
	}
	if status != http.StatusCreated {
		return fmt.Errorf("creating %s: %d: %s", d.Metadata.Name, status, body)
	}
	r.created = append(r.created, crdPath+"/"+d.Metadata.Name)
	for _, v := range d.Spec.Versions {
		if !v.Served {
			continue
		}
		list := "/apis/" + d.Spec.Group + "/" + v.Name + "/" + d.Spec.Names.Plural
		answer, err := r.until(ctx, list+"?limit=1", http.StatusOK)
		if err != nil {
			return err
		}
		// A reference reads that from etcd; this it reads from memory, when it has filled it.
		tree, err := jsonTree([]byte(answer))
		if err != nil {
			return err
		}
		revision, err := lookup(tree, "metadata.resourceVersion")
		if err != nil {
			return err
		}
		if _, err := r.until(ctx, list+"?resourceVersionMatch=NotOlderThan&resourceVersion="+revision, http.StatusOK); err != nil {
			return err
		}
	}
	return nil
}

// satisfied says whether an answer holds what its request waits for.
func (r *request) satisfied(resp *http.Response, body []byte) bool {
	if initializing(resp, body) {
		return false
	}
	if len(r.until) == 0 {
		return true
	}
	text := string(body)
	if tree, ok, err := decode(resp.Header.Get("Content-Type"), body); err == nil && ok {
		if r.show != "" && r.show != "code" {
			if tree, err = find(tree, r.show); err != nil {
				return false
			}
		}
		text = render(tree)
	}
	text = unspaced(codeLine(resp) + text)
	return !slices.ContainsFunc(r.until, func(want string) bool { return !strings.Contains(text, want) })
}

// initializing is what a reference says of a type that has changed just now.
func initializing(resp *http.Response, body []byte) bool {
	return resp.StatusCode == http.StatusTooManyRequests && bytes.Contains(body, []byte("storage is (re)initializing"))
}

func unspaced(text string) string { return strings.Join(strings.Fields(text), "") }

func pause(ctx context.Context) error {
	select {
	case <-time.After(again):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// until waits until a path answers with the code, and returns the answer.
func (r *run) until(ctx context.Context, path string, code int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, r.target.patience())
	defer cancel()
	for {
		status, body, err := r.call(ctx, http.MethodGet, path, "", "")
		if err == nil && status == code {
			return body, nil
		}
		if pause(ctx) != nil {
			return "", fmt.Errorf("%s is still not %d: %d: %s (%v)", path, code, status, body, err)
		}
	}
}

// undefine waits until a CustomResourceDefinition that is being deleted, and its objects with it, is gone.
func (r *run) undefine(ctx context.Context, path string) error {
	_, err := r.until(ctx, path, http.StatusNotFound)
	return err
}
