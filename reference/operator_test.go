package reference

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	v1 "k8s.io/client-go/applyconfigurations/core/v1"
	applymetav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/retry"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/pintle-io/pintle/pintletest"
)

// tenants is a small operator: each Namespace labelled as a tenant has a ConfigMap "settings", and is let go only when
// that was taken away.
type tenants struct {
	client.Client
	recorder events.EventRecorder
	name     string
	did      func(operator string)
}

const (
	tenantLabel     = "example.com/tenant"
	tenantFinalizer = "example.com/settings"
)

func (o *tenants) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	defer o.did(o.name)
	var ns corev1.Namespace
	if err := o.Get(ctx, req.NamespacedName, &ns); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !ns.DeletionTimestamp.IsZero() {
		if controllerutil.ContainsFinalizer(&ns, tenantFinalizer) {
			err := o.Delete(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings", Namespace: ns.Name}})
			if client.IgnoreNotFound(err) != nil {
				return ctrl.Result{}, err
			}
			controllerutil.RemoveFinalizer(&ns, tenantFinalizer)
			return ctrl.Result{}, o.Update(ctx, &ns)
		}
		return ctrl.Result{}, nil
	}
	tenant, ok := ns.Labels[tenantLabel]
	if !ok {
		return ctrl.Result{}, nil
	}
	before := ns.DeepCopy()
	if controllerutil.AddFinalizer(&ns, tenantFinalizer) {
		if err := o.Patch(ctx, &ns, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
			return ctrl.Result{}, err
		}
		o.recorder.Eventf(&ns, nil, corev1.EventTypeNormal, "Adopted", "Adopt", "tenant %s", tenant)
	}
	return ctrl.Result{}, o.Apply(ctx, v1.ConfigMap("settings", ns.Name).WithData(map[string]string{"tenant": tenant}).
		WithOwnerReferences(applymetav1.OwnerReference().WithAPIVersion("v1").WithKind("Namespace").WithName(ns.Name).WithUID(ns.UID).
			WithController(true).WithBlockOwnerDeletion(true)), client.FieldOwner("tenants"), client.ForceOwnership)
}

// startTenants runs the operator until stop is called, elected over a Lease.
func startTenants(t *testing.T, cfg *rest.Config, name string, did func(string)) (m ctrl.Manager, stop func()) {
	t.Helper()
	lease, renew, retry, skip := 2*time.Second, time.Second, 200*time.Millisecond, true
	m, err := ctrl.NewManager(rest.CopyConfig(cfg), ctrl.Options{
		Metrics:        server.Options{BindAddress: "0"},
		Controller:     config.Controller{SkipNameValidation: &skip},
		LeaderElection: true, LeaderElectionID: "tenants.example.com", LeaderElectionNamespace: "default", LeaderElectionReleaseOnCancel: true,
		LeaseDuration: &lease, RenewDeadline: &renew, RetryPeriod: &retry,
	})
	if err != nil {
		t.Fatal(err)
	}
	o := &tenants{Client: m.GetClient(), recorder: m.GetEventRecorder("tenants"), name: name, did: did}
	if err := ctrl.NewControllerManagedBy(m).For(&corev1.Namespace{}).Owns(&corev1.ConfigMap{}).Complete(o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Start(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return m, stop
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, ok func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-tick.C {
		if err = ok(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

// An operator made with controller-runtime does its work on pintle: caches, server-side apply, finalizers, owners,
// events, and a second one that takes over when the first one leaves.
func TestOperator(t *testing.T) {
	ctrl.SetLogger(logger(t))
	s := pintletest.Start(t)
	ctx := t.Context()
	c, err := client.New(s.Config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	work := map[string]int{}
	did := func(name string) { mu.Lock(); work[name]++; mu.Unlock() }
	worked := func() map[string]int { mu.Lock(); defer mu.Unlock(); return maps.Clone(work) }

	first, stopFirst := startTenants(t, s.Config, "first", did)
	<-first.Elected()
	second, _ := startTenants(t, s.Config, "second", did)

	settled := func(name string) {
		t.Helper()
		eventually(t, "settings of "+name, func() error {
			var ns corev1.Namespace
			var cm corev1.ConfigMap
			if err := errors.Join(c.Get(ctx, client.ObjectKey{Name: name}, &ns), c.Get(ctx, client.ObjectKey{Namespace: name, Name: "settings"}, &cm)); err != nil {
				return err
			}
			if cm.Data["tenant"] != name || !metav1.IsControlledBy(&cm, &ns) || !controllerutil.ContainsFinalizer(&ns, tenantFinalizer) {
				return fmt.Errorf("%v, %v", cm, ns)
			}
			return nil
		})
	}
	for _, name := range []string{"one", "two", "three"} {
		if err := c.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{tenantLabel: name}}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"one", "two", "three"} {
		settled(name)
	}
	// What others change is set right.
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings", Namespace: "one"}}
	if err := c.Patch(ctx, cm, client.RawPatch("application/merge-patch+json", []byte(`{"data":{"tenant":"nobody","more":"x"}}`))); err != nil {
		t.Fatal(err)
	}
	settled("one")
	if err := c.Delete(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings", Namespace: "two"}}); err != nil {
		t.Fatal(err)
	}
	settled("two")
	// Its event is there in both groups.
	eventually(t, "events", func() error {
		var new eventsv1.EventList
		var old corev1.EventList
		if err := errors.Join(c.List(ctx, &new), c.List(ctx, &old, client.MatchingFields{"reason": "Adopted"})); err != nil {
			return err
		}
		n := 0
		for _, e := range new.Items {
			if e.Reason == "Adopted" && e.Regarding.Kind == "Namespace" {
				n++
			}
		}
		if n != 3 || len(old.Items) != 3 {
			return fmt.Errorf("%d and %d", n, len(old.Items))
		}
		return nil
	})
	// The cache shows what the server has.
	eventually(t, "cache", func() error {
		var cached, live corev1.ConfigMapList
		if err := errors.Join(first.GetClient().List(ctx, &cached), c.List(ctx, &live)); err != nil {
			return err
		}
		got, want := map[string]string{}, map[string]string{}
		for _, i := range cached.Items {
			got[i.Namespace+"/"+i.Name] = i.ResourceVersion
		}
		for _, i := range live.Items {
			want[i.Namespace+"/"+i.Name] = i.ResourceVersion
		}
		if len(want) == 0 || !maps.Equal(got, want) {
			return fmt.Errorf("cached %v, live %v", got, want)
		}
		return nil
	})
	if n := worked()["second"]; n != 0 {
		t.Errorf("the second operator worked %d times, not being elected", n)
	}

	// A namespace ends when its operator lets it go; by then another one.
	stopFirst()
	eventually(t, "second election", func() error {
		select {
		case <-second.Elected():
			return nil
		default:
			return errors.New("not elected")
		}
	})
	if err := c.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "three"}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "end of the namespace", func() error {
		err := c.Get(ctx, client.ObjectKey{Name: "three"}, &corev1.Namespace{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("got %v", err)
	})
	if worked()["second"] == 0 {
		t.Error("the second operator did nothing")
	}
	settled("one")
}

// Many who count in one object with retry.RetryOnConflict count right.
func TestRetryOnConflict(t *testing.T) {
	s := pintletest.Start(t)
	ctx := t.Context()
	maps := kubernetes.NewForConfigOrDie(s.Config).CoreV1().ConfigMaps("default")
	if _, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "counter"}, Data: map[string]string{"n": "0"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	backoff := wait.Backoff{Steps: 1000, Duration: time.Millisecond, Factor: 1, Jitter: 1}
	var counters sync.WaitGroup
	const who, each = 8, 20
	for range who {
		counters.Go(func() {
			for range each {
				if err := retry.RetryOnConflict(backoff, func() error {
					cm, err := maps.Get(ctx, "counter", metav1.GetOptions{})
					if err != nil {
						return err
					}
					n, err := strconv.Atoi(cm.Data["n"])
					if err != nil {
						return err
					}
					cm.Data["n"] = strconv.Itoa(n + 1)
					_, err = maps.Update(ctx, cm, metav1.UpdateOptions{})
					return err
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	counters.Wait()
	cm, err := maps.Get(ctx, "counter", metav1.GetOptions{})
	if err != nil || cm.Data["n"] != strconv.Itoa(who*each) {
		t.Errorf("counted %v, %v", cm.Data, err)
	}
}

// The recorders of both event APIs write, and count what happens again.
func TestEventRecorders(t *testing.T) {
	s := pintletest.Start(t)
	k := kubernetes.NewForConfigOrDie(s.Config)
	ns, err := k.CoreV1().Namespaces().Get(t.Context(), "default", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	old := record.NewBroadcaster()
	defer old.Shutdown()
	old.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: k.CoreV1().Events("")})
	r := old.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "old"})
	for range 3 {
		r.Event(ns, corev1.EventTypeNormal, "Again", "and again")
	}
	new := events.NewBroadcaster(&events.EventSinkImpl{Interface: k.EventsV1()})
	defer new.Shutdown()
	if err := new.StartRecordingToSinkWithContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := new.NewRecorder(scheme.Scheme, "new")
	often := func() { n.Eventf(ns, nil, corev1.EventTypeWarning, "Often", "Try", "and often") }
	often()
	eventually(t, "first event", func() error { // the recorder's goroutines may overtake each other
		all, err := k.EventsV1().Events("default").List(t.Context(), metav1.ListOptions{FieldSelector: "reason=Often"})
		if err == nil && len(all.Items) == 0 {
			err = errors.New("none")
		}
		return err
	})
	often()
	often()
	eventually(t, "events", func() error {
		all, err := k.CoreV1().Events("default").List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.kind=Namespace"})
		if err != nil {
			return err
		}
		again, often := int32(0), false
		for _, e := range all.Items {
			if e.Reason == "Again" {
				again = e.Count
			}
			if e.Reason == "Often" && e.Type == corev1.EventTypeWarning && e.Action == "Try" && e.ReportingController == "new" {
				often = e.Series != nil && e.Series.Count >= 2
			}
		}
		if again != 3 || !often {
			return fmt.Errorf("%d, %v: %v", again, often, all.Items)
		}
		return nil
	})
}
