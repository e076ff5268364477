package engine

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/resource"
	"github.com/pintle-io/pintle/internal/store"
)

// List returns one page of the target's collection, as
// https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions defines it for each combination
// of resourceVersion, resourceVersionMatch, limit and continue. A target with a name is the list of one.
// Errors: 400 for what cannot be combined, 410 for a revision that is gone (with a token to go on from
// the latest state where the list had begun), 504 for one that is not reached.
func (e *Engine) List(ctx context.Context, req *request.Request, t Target, o ListOptions) (*List, error) {
	table, err := e.Cache.Table(ctx, t.Resource)
	if err != nil {
		return nil, e.status(err, t)
	}
	snap, after, err := e.page(ctx, table, t, o)
	if err != nil {
		return nil, e.status(err, t)
	}
	out := &List{Revision: snap.Revision}
	t = narrowed(t, o)
	sel := newSelection(t, o)
	limit := o.Limit
	if o.ResourceVersion == "0" && o.Continue == "" {
		limit = 0 // "any version" is answered whole, as the reference answers it from its cache
	}
	if t.Name != "" {
		if r, ok := snap.Tree.Get(t.Key()); ok && sel.matches(r) {
			out.Records = []*cache.Record{r}
		}
		out.Looked = 1
		if err := cache.Convert(ctx, out.Records, t.Version); err != nil {
			return nil, e.status(err, t)
		}
		return out, nil
	}
	if sel.far() {
		all := slices.Collect(snap.In(t.Resource.Prefix, t.Namespace, after))
		if err := cache.Convert(ctx, all, t.Version); err != nil {
			return nil, e.status(err, t)
		}
	}
	if limit == 0 && sel.all() && t.Namespace == "" {
		out.Records = make([]*cache.Record, 0, snap.Tree.Len())
	}
	var last *cache.Record
	for r := range snap.In(t.Resource.Prefix, t.Namespace, after) {
		if limit > 0 && int64(len(out.Records)) == limit {
			if err := e.more(out, snap, t, last, sel); err != nil {
				return nil, err
			}
			break
		}
		last = r
		out.Looked++
		if sel.matches(r) {
			out.Records = append(out.Records, r)
		}
	}
	if err := cache.Convert(ctx, out.Records, t.Version); err != nil {
		return nil, e.status(err, t)
	}
	return out, nil
}

// narrowed is the target of a list whose field selector names a namespace or an object: there is nothing to page
// through in what it cannot match.
func narrowed(t Target, o ListOptions) Target {
	if o.Fields == nil {
		return t
	}
	if ns, ok := o.Fields.RequiresExactMatch("metadata.namespace"); ok && t.Namespace == "" && t.Resource.Scope == resource.Namespaced {
		t.Namespace = ns
	}
	if name, ok := o.Fields.RequiresExactMatch("metadata.name"); ok && t.Name == "" && (t.Namespace != "" || t.Resource.Scope == resource.Cluster) {
		t.Name = name
	}
	return t
}

// page finds the snapshot that an unfinished or a new list reads, and the key behind which it goes on.
func (e *Engine) page(ctx context.Context, table *cache.Table, t Target, o ListOptions) (cache.Snapshot, store.Key, error) {
	var none store.Key
	if o.Continue != "" {
		after, rev, err := decodeContinue(o.Continue, t)
		if err != nil {
			return cache.Snapshot{}, none, apierrors.NewBadRequest(fmt.Sprintf("invalid continue token: %v", err))
		}
		if o.ResourceVersion != "" && o.ResourceVersion != "0" {
			return cache.Snapshot{}, none, apierrors.NewBadRequest("specifying resource version is not allowed when using continue")
		}
		if rev < 0 { // go on from the latest state
			err := e.Cache.Fresh(ctx)
			return table.Snapshot(), after, err
		}
		snap, err := e.at(ctx, table, rev)
		if errors.Is(err, store.ErrCompacted) || errors.Is(err, cache.ErrGone) {
			return snap, none, expiredContinue(after, t)
		}
		return snap, after, err
	}
	rev, err := parseRV(o.ResourceVersion)
	if err != nil {
		return cache.Snapshot{}, none, apierrors.NewBadRequest("invalid resource version: " + err.Error())
	}
	exact := o.Match == metav1.ResourceVersionMatchExact || o.Match == "" && o.Limit > 0 && rev > 0
	if exact && rev > 0 {
		snap, err := e.at(ctx, table, rev)
		return snap, none, err
	}
	if err := e.reach(ctx, o.ResourceVersion); err != nil {
		return cache.Snapshot{}, none, err
	}
	return table.Snapshot(), none, nil
}

// at is the table at a revision, once it is reached.
func (e *Engine) at(ctx context.Context, table *cache.Table, rev int64) (cache.Snapshot, error) {
	if err := e.reachRevision(ctx, rev); err != nil {
		return cache.Snapshot{}, err
	}
	if rev < e.Store.Compacted() {
		return cache.Snapshot{}, store.ErrCompacted
	}
	return table.SnapshotAt(ctx, rev)
}

// more says in a page how to get the next one. Only without selectors is it known how much remains.
func (e *Engine) more(out *List, snap cache.Snapshot, t Target, last *cache.Record, sel selection) error {
	out.Continue = encodeContinue(last.Key, t, snap.Revision)
	if sel.all() {
		end := snap.Tree.Len()
		if t.Namespace != "" {
			end = snap.Tree.Rank(store.Key{Prefix: t.Resource.Prefix, Namespace: t.Namespace, Name: "\xff"})
		}
		left := int64(end - snap.Tree.Rank(last.Key) - 1)
		out.Remaining = &left
	}
	return nil
}

// continueToken is a place in a list, spelled as kube-apiserver spells it, so that either can go on with the
// other's: the start key is relative to what is listed and has a zero byte behind the last key that was sent.
type continueToken struct {
	APIVersion      string `json:"v"`
	ResourceVersion int64  `json:"rv"`
	StartKey        string `json:"start"`
}

func encodeContinue(last store.Key, t Target, rev int64) string {
	start := last.Name
	if t.Namespace == "" && last.Namespace != "" {
		start = last.Namespace + "/" + last.Name
	}
	data, _ := json.Marshal(continueToken{"meta.k8s.io/v1", rev, start + "\x00"})
	return base64.RawURLEncoding.EncodeToString(data)
}

var errContinueKey = errors.New("continue key is not valid")

func decodeContinue(token string, t Target) (after store.Key, rev int64, err error) {
	data, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return after, 0, fmt.Errorf("%w: %v", errContinueKey, err)
	}
	var c continueToken
	if err := json.Unmarshal(data, &c); err != nil {
		return after, 0, fmt.Errorf("%w: %v", errContinueKey, err)
	}
	switch {
	case c.APIVersion != "meta.k8s.io/v1":
		return after, 0, fmt.Errorf("continue key is not valid: server does not recognize this encoded version %v", c.APIVersion)
	case c.ResourceVersion == 0:
		return after, 0, errors.New("continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)")
	case c.StartKey == "":
		return after, 0, errors.New("continue key is not valid: encoded start key empty (version meta.k8s.io/v1)")
	}
	rooted := c.StartKey
	if !strings.HasPrefix(rooted, "/") {
		rooted = "/" + rooted
	}
	if path.Clean(rooted) != rooted {
		return after, 0, fmt.Errorf("%w: %v", errContinueKey, c.StartKey)
	}
	key := store.Key{Prefix: t.Resource.Prefix, Namespace: t.Namespace, Name: strings.TrimSuffix(rooted[1:], "\x00")}
	if t.Namespace == "" {
		if ns, name, ok := strings.Cut(key.Name, "/"); ok {
			key.Namespace, key.Name = ns, name
		}
	}
	return key, c.ResourceVersion, nil
}

func expiredContinue(after store.Key, t Target) error {
	err := apierrors.NewResourceExpired("The provided continue parameter is too old " +
		"to display a consistent list result. You can start a new list without " +
		"the continue parameter, or use the continue token in this response to " +
		"retrieve the remainder of the results. Continuing with the provided " +
		"token results in an inconsistent list - objects that were created, " +
		"modified, or deleted between the time the first chunk was returned " +
		"and now may show up in the list.")
	err.ErrStatus.ListMeta.Continue = encodeContinue(after, t, -1)
	return err
}

// selection is what a list or watch wants to see of a collection.
type selection struct {
	version         *resource.Version
	namespace, name string
	labels          labels.Selector
	fields          fields.Requirements
}

func newSelection(t Target, o ListOptions) selection {
	s := selection{version: t.Version, namespace: t.Namespace, name: t.Name}
	if o.Labels != nil && !o.Labels.Empty() {
		s.labels = o.Labels
	}
	if o.Fields != nil && !o.Fields.Empty() {
		s.fields = o.Fields.Requirements()
	}
	return s
}

// all says whether nothing but the namespace selects.
func (s selection) all() bool { return s.labels == nil && s.fields == nil && s.name == "" }

// far says whether others may have to convert objects before it is known what is selected.
func (s selection) far() bool {
	return s.version.Remote && (s.labels != nil ||
		slices.ContainsFunc(s.fields, func(f fields.Requirement) bool { return s.version.Fields[f.Field] != nil }))
}

func (s selection) matches(r *cache.Record) bool {
	if s.namespace != "" && r.Key.Namespace != s.namespace || s.name != "" && r.Key.Name != s.name {
		return false
	}
	if s.labels != nil {
		if l, ok := r.LabelsIn(s.version); !ok || !s.labels.Matches(l) {
			return false
		}
	}
	for _, f := range s.fields {
		v, _ := r.FieldIn(s.version, f.Field)
		if (v == f.Value) == (f.Operator == "!=") {
			return false
		}
	}
	return true
}
