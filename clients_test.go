package pintle_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/features"
	featurestesting "k8s.io/client-go/features/testing"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/pintle-io/pintle"
)

// restartable is a server on one port and one data directory, that can be ended and started again.
type restartable struct {
	t      *testing.T
	config pintle.Config
	server *pintle.Server
	cancel context.CancelFunc
	ended  chan error
}

func (r *restartable) start() {
	r.t.Helper()
	s, err := pintle.New(r.config)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.server, r.cancel, r.ended = s, cancel, make(chan error, 1)
	go func() { r.ended <- s.Run(ctx) }()
	<-s.Ready()
	r.config.Port = s.Port()
}

func (r *restartable) stop() {
	r.t.Helper()
	if r.cancel == nil {
		return
	}
	r.cancel()
	r.cancel = nil
	if err := <-r.ended; err != nil {
		r.t.Fatal(err)
	}
}

var mirrored = []schema.GroupVersionResource{
	corev1.SchemeGroupVersion.WithResource("configmaps"),
	corev1.SchemeGroupVersion.WithResource("secrets"),
	coordinationv1.SchemeGroupVersion.WithResource("leases"),
}

var mirroredNamespaces = []string{"mirror-a", "mirror-b", "mirror-c"}

// Informers of every sort keep an exact mirror of what random writers do, while the server restarts and forgets.
func TestInformers(t *testing.T) {
	featurestesting.SetFeatureDuringTest(t, features.ClientsAllowCBOR, true)
	r := &restartable{t: t, config: pintle.Config{DataDir: t.TempDir()}}
	r.start()
	t.Cleanup(r.stop)
	cert, key := r.server.Admin()
	var relists atomic.Int64
	var spoken sync.Map
	config := &rest.Config{Host: r.server.URL(), QPS: -1, TLSClientConfig: rest.TLSClientConfig{CAData: r.server.CA(), CertData: cert, KeyData: key}}
	config.Wrap(func(rt http.RoundTripper) http.RoundTripper { return countRelists{rt, &relists, &spoken} })
	client := kubernetes.NewForConfigOrDie(config)
	for _, name := range mirroredNamespaces {
		if _, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}

	var mirrors []*mirror
	for _, watchList := range []bool{true, false} {
		featurestesting.SetFeatureDuringTest(t, features.WatchListClient, watchList)
		mirrors = append(mirrors, startMirrors(t, config, fmt.Sprintf("WatchListClient=%v", watchList))...)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	write := func() (end func()) {
		ctx, cancel := context.WithCancel(t.Context())
		var writers sync.WaitGroup
		for i := range 3 {
			writers.Go(func() { writeRandomly(t.Context(), ctx.Done(), client, rand.New(rand.NewPCG(seed, uint64(i)))) })
		}
		return func() { cancel(); writers.Wait() }
	}
	truth := dynamic.NewForConfigOrDie(config)

	end := write()
	written(t, client, 200)
	end()
	compareMirrors(t, truth, mirrors)

	end = write()
	written(t, client, 50)
	r.stop()
	r.start()
	written(t, client, 50)
	end()
	compareMirrors(t, truth, mirrors)

	// Now the server remembers next to nothing: watches that come back are too old, slow ones fall behind.
	before := relists.Load()
	end = write()
	r.stop()
	r.config.History = 10 * time.Millisecond
	r.config.KeepLittle(20 << 10)
	r.start()
	// Not for long: informers that fail again and again wait longer and longer.
	await(t, "lists after watches that are too old", func() bool { return relists.Load() >= before+int64(len(mirrors)/3) })
	end()
	compareMirrors(t, truth, mirrors)
	for _, contentType := range []string{"application/json", "application/cbor-seq", "application/vnd.kubernetes.protobuf;stream=watch"} {
		for _, stateFirst := range []bool{true, false} {
			if _, ok := spoken.Load(fmt.Sprintf("%s, state first: %v", contentType, stateFirst)); !ok {
				t.Errorf("no watch spoke %s (state first: %v)", contentType, stateFirst)
			}
		}
	}
	t.Logf("%d lists by %d informers", relists.Load(), len(mirrors))

	for _, m := range mirrors {
		m.stop()
	}
	r.stop()
	noneLeft(t, "k8s.io/client-go/tools/cache.", "pintle/internal/")
}

// countRelists counts the requests by which an informer begins anew.
type countRelists struct {
	http.RoundTripper
	n      *atomic.Int64
	spoken *sync.Map // content types of watches
}

func (c countRelists) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	list := strings.HasSuffix(r.URL.Path, "s") && r.Method == http.MethodGet && q.Get("watch") == ""
	if list || q.Get("sendInitialEvents") == "true" {
		c.n.Add(1)
	}
	resp, err := c.RoundTripper.RoundTrip(r)
	if err == nil && q.Get("watch") != "" {
		c.spoken.Store(fmt.Sprintf("%s, state first: %v", resp.Header.Get("Content-Type"), q.Get("sendInitialEvents") == "true"), true)
	}
	return resp, err
}

// mirror is an informer, and what its handlers were told.
type mirror struct {
	name      string
	resource  schema.GroupVersionResource
	namespace string
	selector  string
	meta      bool // it has only metadata
	informer  cache.SharedIndexInformer
	stop      func() // ends it and those that were started with it

	mu     sync.Mutex
	told   map[string]string // key to object
	newest map[string]int64  // key to the newest revision told
	errs   []string
}

// startMirrors returns informers that have synced.
func startMirrors(t *testing.T, config *rest.Config, mode string) (mirrors []*mirror) {
	done := make(chan struct{})
	var starts []func(<-chan struct{})
	var shutdown []func()
	of := func(contentType string) *rest.Config {
		c := rest.CopyConfig(config)
		c.ContentType, c.AcceptContentTypes = contentType, contentType
		return c
	}
	add := func(name string, m *mirror) {
		m.name, m.told, m.newest = fmt.Sprintf("%s %s %s in %q of %q", mode, name, m.resource.Resource, m.namespace, m.selector), map[string]string{}, map[string]int64{}
		if _, err := m.informer.AddEventHandler(m); err != nil {
			t.Fatal(err)
		}
		mirrors = append(mirrors, m)
	}
	for _, scope := range []struct{ namespace, selector string }{{"", ""}, {"mirror-a", ""}, {"", "sel in (a,b),!hidden"}} {
		tweak := func(o *metav1.ListOptions) { o.LabelSelector = scope.selector }
		for _, contentType := range []string{kruntime.ContentTypeJSON, kruntime.ContentTypeProtobuf, kruntime.ContentTypeCBOR} {
			f := informers.NewSharedInformerFactoryWithOptions(kubernetes.NewForConfigOrDie(of(contentType)), 0,
				informers.WithNamespace(scope.namespace), informers.WithTweakListOptions(tweak))
			for _, gvr := range mirrored {
				i, err := f.ForResource(gvr)
				if err != nil {
					t.Fatal(err)
				}
				add("typed "+contentType, &mirror{resource: gvr, namespace: scope.namespace, selector: scope.selector, informer: i.Informer()})
			}
			starts = append(starts, f.Start)
			shutdown = append(shutdown, f.Shutdown)
		}
		for _, contentType := range []string{kruntime.ContentTypeJSON, kruntime.ContentTypeCBOR} {
			f := dynamicinformer.NewFilteredDynamicSharedInformerFactory(dynamic.NewForConfigOrDie(of(contentType)), 0, scope.namespace, tweak)
			for _, gvr := range mirrored {
				add("dynamic "+contentType, &mirror{resource: gvr, namespace: scope.namespace, selector: scope.selector, informer: f.ForResource(gvr).Informer()})
			}
			starts = append(starts, f.Start)
			shutdown = append(shutdown, f.Shutdown)
		}
		f := metadatainformer.NewFilteredSharedInformerFactory(metadata.NewForConfigOrDie(rest.CopyConfig(config)), 0, scope.namespace, tweak)
		for _, gvr := range mirrored {
			add("metadata", &mirror{resource: gvr, namespace: scope.namespace, selector: scope.selector, meta: true, informer: f.ForResource(gvr).Informer()})
		}
		starts = append(starts, f.Start)
		shutdown = append(shutdown, f.Shutdown)
	}
	for _, start := range starts {
		start(done)
	}
	stop := sync.OnceFunc(func() {
		close(done)
		for _, s := range shutdown {
			s()
		}
	})
	t.Cleanup(stop)
	for _, m := range mirrors {
		m.stop = stop
		if !cache.WaitForCacheSync(t.Context().Done(), m.informer.HasSynced) {
			t.Fatalf("%s: no sync", m.name)
		}
	}
	return mirrors
}

func (m *mirror) errorf(format string, args ...any) {
	m.errs = append(m.errs, fmt.Sprintf(format, args...))
}

// take notes an object; known says whether the handler must know it already.
func (m *mirror) take(obj any, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key, revision, text := describe(obj, m.meta)
	if _, ok := m.told[key]; ok != known {
		m.errorf("%s: known before: %v", key, ok)
	}
	if revision < m.newest[key] {
		m.errorf("%s: went from %d back to %d", key, m.newest[key], revision)
	}
	m.told[key], m.newest[key] = text, revision
}

func (m *mirror) OnAdd(obj any, _ bool) { m.take(obj, false) }
func (m *mirror) OnUpdate(_, obj any)   { m.take(obj, true) }
func (m *mirror) OnDelete(obj any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		if _, ok := m.told[gone.Key]; !ok {
			m.errorf("%s: deleted, and not known before", gone.Key)
		}
		delete(m.told, gone.Key)
		return
	}
	key, revision, _ := describe(obj, m.meta)
	if _, ok := m.told[key]; !ok || revision <= m.newest[key] {
		m.errorf("%s: deleted at %d, known before: %v at %d", key, revision, ok, m.newest[key])
	}
	m.newest[key] = revision
	delete(m.told, key)
}

// describe is an object's key, revision, and all that is in it.
func describe(obj any, onlyMeta bool) (key string, revision int64, text string) {
	a, err := meta.Accessor(obj)
	if err != nil {
		panic(err)
	}
	key = a.GetNamespace() + "/" + a.GetName()
	revision, err = strconv.ParseInt(a.GetResourceVersion(), 10, 64)
	if err != nil {
		panic(err)
	}
	data, err := json.Marshal(obj)
	if err != nil {
		panic(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		panic(err)
	}
	delete(tree, "kind")
	delete(tree, "apiVersion")
	if onlyMeta {
		tree = map[string]any{"metadata": tree["metadata"]}
	}
	data, _ = json.Marshal(tree)
	return key, revision, string(data)
}

// compareMirrors waits until each mirror shows what a list shows.
func compareMirrors(t *testing.T, truth dynamic.Interface, mirrors []*mirror) {
	t.Helper()
	for _, m := range mirrors {
		list, err := truth.Resource(m.resource).Namespace(m.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: m.selector})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{}
		for i := range list.Items {
			key, _, text := describe(&list.Items[i], m.meta)
			want[key] = text
		}
		var got map[string]string
		same := tryAwait(func() bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			got = maps.Clone(m.told)
			return maps.Equal(got, want)
		})
		if !same {
			t.Errorf("%s: handlers\n%v, list\n%v", m.name, difference(got, want), difference(want, got))
		}
		kept := map[string]string{}
		for _, obj := range m.informer.GetStore().List() {
			key, _, text := describe(obj, m.meta)
			kept[key] = text
		}
		if !maps.Equal(kept, want) {
			t.Errorf("%s: store\n%v, list\n%v", m.name, difference(kept, want), difference(want, kept))
		}
		m.mu.Lock()
		if len(m.errs) > 0 {
			t.Errorf("%s: %s", m.name, strings.Join(m.errs, "; "))
		}
		m.errs = nil
		m.mu.Unlock()
	}
	if t.Failed() {
		t.FailNow()
	}
}

// difference is what a has and b has not.
func difference(a, b map[string]string) []string {
	var out []string
	for k, v := range a {
		if b[k] != v {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return out
}

// written waits until n more writes have happened.
func written(t *testing.T, client kubernetes.Interface, n int64) {
	t.Helper()
	revision := func() int64 {
		l, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return 0 // the server may be coming up
		}
		rv, _ := strconv.ParseInt(l.ResourceVersion, 10, 64)
		return rv
	}
	from := revision()
	await(t, "writes", func() bool { return revision() >= from+n })
}

// writeRandomly does random writes until it is to stop, whatever the answers are. None is under way when it returns.
func writeRandomly(ctx context.Context, stop <-chan struct{}, client kubernetes.Interface, dice *rand.Rand) {
	type api struct {
		create func(m metav1.ObjectMeta, value string) error
		update func(m metav1.ObjectMeta, value string) error
		patch  func(name string, data []byte) error
		delete func(name string) error
	}
	for ctx.Err() == nil {
		select {
		case <-stop:
			return
		default:
		}
		ns := mirroredNamespaces[dice.IntN(len(mirroredNamespaces))]
		m := metav1.ObjectMeta{Name: fmt.Sprintf("o%d", dice.IntN(12)), Namespace: ns, Labels: map[string]string{}}
		if l := dice.IntN(4); l < 3 {
			m.Labels["sel"] = string(rune('a' + l))
		}
		if dice.IntN(4) == 0 {
			m.Labels["hidden"] = "yes"
		}
		value := fmt.Sprint(dice.Uint64(), strings.Repeat("x", dice.IntN(500)))
		kind := []api{{
			create: func(m metav1.ObjectMeta, v string) error {
				_, err := client.CoreV1().ConfigMaps(ns).Create(ctx, &corev1.ConfigMap{ObjectMeta: m, Data: map[string]string{"v": v}}, metav1.CreateOptions{})
				return err
			},
			update: func(m metav1.ObjectMeta, v string) error {
				_, err := client.CoreV1().ConfigMaps(ns).Update(ctx, &corev1.ConfigMap{ObjectMeta: m, Data: map[string]string{"v": v}}, metav1.UpdateOptions{})
				return err
			},
			patch: func(name string, data []byte) error {
				_, err := client.CoreV1().ConfigMaps(ns).Patch(ctx, name, types.MergePatchType, data, metav1.PatchOptions{})
				return err
			},
			delete: func(name string) error {
				return client.CoreV1().ConfigMaps(ns).Delete(ctx, name, metav1.DeleteOptions{})
			},
		}, {
			create: func(m metav1.ObjectMeta, v string) error {
				_, err := client.CoreV1().Secrets(ns).Create(ctx, &corev1.Secret{ObjectMeta: m, Data: map[string][]byte{"v": []byte(v)}}, metav1.CreateOptions{})
				return err
			},
			update: func(m metav1.ObjectMeta, v string) error {
				_, err := client.CoreV1().Secrets(ns).Update(ctx, &corev1.Secret{ObjectMeta: m, Data: map[string][]byte{"v": []byte(v)}}, metav1.UpdateOptions{})
				return err
			},
			patch: func(name string, data []byte) error {
				_, err := client.CoreV1().Secrets(ns).Patch(ctx, name, types.StrategicMergePatchType, data, metav1.PatchOptions{})
				return err
			},
			delete: func(name string) error {
				return client.CoreV1().Secrets(ns).Delete(ctx, name, metav1.DeleteOptions{})
			},
		}, {
			create: func(m metav1.ObjectMeta, v string) error {
				now := metav1.NowMicro()
				_, err := client.CoordinationV1().Leases(ns).Create(ctx, &coordinationv1.Lease{ObjectMeta: m, Spec: coordinationv1.LeaseSpec{HolderIdentity: &v, RenewTime: &now}}, metav1.CreateOptions{})
				return err
			},
			update: func(m metav1.ObjectMeta, v string) error {
				l, err := client.CoordinationV1().Leases(ns).Get(ctx, m.Name, metav1.GetOptions{})
				if err != nil {
					return err
				}
				now := metav1.NowMicro()
				l.Labels, l.Spec.HolderIdentity, l.Spec.RenewTime = m.Labels, &v, &now
				_, err = client.CoordinationV1().Leases(ns).Update(ctx, l, metav1.UpdateOptions{})
				return err
			},
			patch: func(name string, data []byte) error {
				_, err := client.CoordinationV1().Leases(ns).Patch(ctx, name, types.MergePatchType, data, metav1.PatchOptions{})
				return err
			},
			delete: func(name string) error {
				return client.CoordinationV1().Leases(ns).Delete(ctx, name, metav1.DeleteOptions{})
			},
		}}[dice.IntN(3)]
		var err error
		switch p := dice.IntN(10); {
		case p < 4:
			err = kind.create(m, value)
		case p < 6:
			err = kind.update(m, value)
		case p < 8:
			data, _ := json.Marshal(map[string]any{"metadata": map[string]any{"labels": map[string]any{"sel": m.Labels["sel"], "hidden": nil}}})
			err = kind.patch(m.Name, data)
		default:
			err = kind.delete(m.Name)
		}
		var status interface{ Status() metav1.Status }
		if err != nil && !errors.As(err, &status) { // the server is away
			select {
			case <-stop:
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

// tryAwait waits for something that is soon so.
func tryAwait(ok func() bool) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	if !tryAwait(ok) {
		t.Fatalf("waited in vain for %s", what)
	}
}

// noneLeft waits until no goroutine is in a function whose name has one of the parts.
func noneLeft(t *testing.T, parts ...string) {
	t.Helper()
	var left []string
	if tryAwait(func() bool {
		buf := make([]byte, 4<<20)
		left = nil
		for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(g, p) }) && !strings.Contains(g, "testing.tRunner") {
				left = append(left, g)
			}
		}
		return len(left) == 0
	}) {
		return
	}
	t.Errorf("%d goroutines are left:\n%s", len(left), strings.Join(left, "\n\n"))
}
