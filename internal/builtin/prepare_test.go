package builtin

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/request"
	"github.com/pintle-io/pintle/internal/resource"
)

// TestPrepare is about the hooks of the smaller groups; package core has its own.
func TestPrepare(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	user := &request.Request{User: &request.User{Name: "jane", UID: "7", Groups: []string{"g"}, Extra: map[string][]string{"k": {"v"}}}}
	all := map[string]*resource.Resource{}
	for _, r := range All(resource.Deps{Features: func(f string) bool { return f != "CoordinatedLeaderElection" }}) {
		all[r.Names.Plural] = r
	}
	for _, tc := range []struct {
		name, resource, sub string
		old, new, want      string
	}{
		{"daemon set", "daemonsets", "", "", `{"spec":{"selector":null,"template":{"metadata":{"labels":{"a":"b"}}}},"status":{"numberReady":4}}`,
			`{"metadata":{"annotations":{"deprecated.daemonset.template.generation":"1"}},"spec":{"template":{"metadata":{"labels":{"a":"b"}}}}}`},
		{"daemon set, template changes", "daemonsets", "",
			`{"metadata":{"annotations":{"deprecated.daemonset.template.generation":"4"}}}`, `{"metadata":{"annotations":{"x":"y"}},"spec":{"template":{"metadata":{"labels":{"a":"b"}}}}}`,
			`{"metadata":{"annotations":{"x":"y","deprecated.daemonset.template.generation":"5"}},"spec":{"template":{"metadata":{"labels":{"a":"b"}}}}}`},
		{"daemon set, something else changes", "daemonsets", "",
			`{"metadata":{"annotations":{"deprecated.daemonset.template.generation":"4"}}}`, `{"metadata":{"annotations":{"deprecated.daemonset.template.generation":"9"}},"spec":{"minReadySeconds":3}}`,
			`{"metadata":{"annotations":{"deprecated.daemonset.template.generation":"4"}},"spec":{"minReadySeconds":3}}`},
		{"daemon set status", "daemonsets", "status", `{"metadata":{"annotations":{"deprecated.daemonset.template.generation":"4"}},"spec":{"minReadySeconds":3}}`, `{"status":{"numberReady":4}}`,
			`{"metadata":{"annotations":{"deprecated.daemonset.template.generation":"4"}},"spec":{"minReadySeconds":3},"status":{"numberReady":4}}`},
		{"deployment status keeps labels", "deployments", "status", `{"metadata":{"labels":{"a":"b"}}}`, `{"metadata":{"labels":{"a":"c"},"annotations":{"x":"y"}},"status":{"replicas":2}}`,
			`{"metadata":{"labels":{"a":"b"},"annotations":{"x":"y"}},"status":{"replicas":2}}`},
		{"stateful set", "statefulsets", "", "", `{"spec":{"updateStrategy":{"rollingUpdate":{"partition":1,"maxUnavailable":2}},"volumeClaimTemplates":[{"metadata":{"name":"v"}}]}}`,
			`{"spec":{"updateStrategy":{"rollingUpdate":{"partition":1}},"volumeClaimTemplates":[{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"v"}}]}}`},
		{"job", "jobs", "", "", `{"metadata":{"name":"j","uid":"u"},"spec":{"template":{}}}`,
			`{"metadata":{"name":"j","uid":"u"},"spec":{"selector":{"matchLabels":{"batch.kubernetes.io/controller-uid":"u"}},"template":{"metadata":{"labels":{"job-name":"j","batch.kubernetes.io/job-name":"j","controller-uid":"u","batch.kubernetes.io/controller-uid":"u"}}}}}`},
		{"job with its own selector", "jobs", "", "", `{"metadata":{"name":"j","uid":"u"},"spec":{"manualSelector":true,"template":{}}}`, `{"metadata":{"name":"j","uid":"u"},"spec":{"manualSelector":true,"template":{}}}`},
		{"job with some of the labels", "jobs", "", "", `{"metadata":{"name":"j","uid":"u"},"spec":{"template":{"metadata":{"labels":{"job-name":"mine"}}}}}`,
			`{"metadata":{"name":"j","uid":"u"},"spec":{"selector":{"matchLabels":{"batch.kubernetes.io/controller-uid":"u"}},"template":{"metadata":{"labels":{"job-name":"mine","batch.kubernetes.io/job-name":"j","controller-uid":"u","batch.kubernetes.io/controller-uid":"u"}}}}}`},
		{"lease", "leases", "", "", `{"spec":{"holderIdentity":"h","strategy":"s","preferredHolder":"p"}}`, `{"spec":{"holderIdentity":"h"}}`},
		{"lease that had a strategy", "leases", "", `{"spec":{"strategy":"s"}}`, `{"spec":{"strategy":"t","preferredHolder":"p"}}`, `{"spec":{"strategy":"t"}}`},
		{"signing request", "certificatesigningrequests", "", "", `{"spec":{"request":"YQ==","username":"root","groups":["system:masters"],"signerName":"s/s"},"status":{"certificate":"YQ=="}}`,
			`{"spec":{"request":"YQ==","username":"jane","uid":"7","groups":["g"],"extra":{"k":["v"]},"signerName":"s/s"}}`},
		{"signing request update", "certificatesigningrequests", "", `{"spec":{"signerName":"a/a"},"status":{"certificate":"YQ=="}}`, `{"metadata":{"labels":{"a":"b"}},"spec":{"signerName":"b/b"}}`,
			`{"metadata":{"labels":{"a":"b"}},"spec":{"signerName":"a/a"},"status":{"certificate":"YQ=="}}`},
		{"approval", "certificatesigningrequests", "approval", `{"spec":{"signerName":"a/a"},"status":{"certificate":"YQ=="}}`,
			`{"spec":{"signerName":"b/b"},"status":{"certificate":"Yg==","conditions":[{"type":"Approved","status":"True","lastUpdateTime":null,"lastTransitionTime":null}]}}`,
			`{"spec":{"signerName":"a/a"},"status":{"certificate":"YQ==","conditions":[{"type":"Approved","status":"True","lastUpdateTime":"2026-01-02T03:04:05Z","lastTransitionTime":"2026-01-02T03:04:05Z"}]}}`},
		{"signed", "certificatesigningrequests", "status",
			`{"status":{"conditions":[{"type":"Approved","status":"True","reason":"old","lastUpdateTime":"2025-01-01T00:00:00Z","lastTransitionTime":"2025-01-01T00:00:00Z"}]}}`,
			`{"status":{"certificate":"Yg==","conditions":[{"type":"Approved","status":"True","reason":"new","lastUpdateTime":null,"lastTransitionTime":null},{"type":"Failed","status":"True","lastUpdateTime":null,"lastTransitionTime":null}]}}`,
			`{"status":{"certificate":"Yg==","conditions":[{"type":"Approved","status":"True","reason":"old","lastUpdateTime":"2025-01-01T00:00:00Z","lastTransitionTime":"2025-01-01T00:00:00Z"},{"type":"Failed","status":"True","lastUpdateTime":"2026-01-02T03:04:05Z","lastTransitionTime":"2026-01-02T03:04:05Z"}]}}`},
		{"signed, approval gone", "certificatesigningrequests", "status",
			`{"status":{"conditions":[{"type":"Approved","status":"True","lastUpdateTime":"2025-01-01T00:00:00Z","lastTransitionTime":"2025-01-01T00:00:00Z"}]}}`, `{"status":{"certificate":"Yg=="}}`, `{"status":{"certificate":"Yg=="}}`},
		{"driver", "csidrivers", "", "", `{"spec":{"attachRequired":true,"preventPodSchedulingIfMissing":true}}`, `{"spec":{"attachRequired":true}}`},
		{"driver update counts from nothing", "csidrivers", "", `{"spec":{"attachRequired":true}}`, `{"spec":{"attachRequired":false}}`, `{"metadata":{"generation":1},"spec":{"attachRequired":false}}`},
		{"endpoints with topology", "endpointslices", "", `{"endpoints":[{"addresses":null,"deprecatedTopology":{"kubernetes.io/hostname":"n"}}]}`,
			`{"endpoints":[{"addresses":["a"],"deprecatedTopology":{"kubernetes.io/hostname":"n"}},{"addresses":["b"],"deprecatedTopology":{"kubernetes.io/hostname":"other"}}]}`,
			`{"endpoints":[{"addresses":["a"],"nodeName":"n"},{"addresses":["b"]}]}`},
		{"taint rule", "devicetaintrules", "", `{"spec":{"taint":{"key":"k","effect":"NoSchedule","timeAdded":"2025-01-01T00:00:00Z"}}}`, `{"spec":{"taint":{"key":"k","effect":"NoExecute","timeAdded":"2025-01-01T00:00:00Z"}}}`,
			`{"spec":{"taint":{"key":"k","effect":"NoExecute","timeAdded":"2026-01-02T03:04:05Z"}}}`},
		{"local API service", "apiservices", "", "", `{"spec":{"version":"v1"}}`,
			`{"spec":{"version":"v1"},"status":{"conditions":[{"type":"Available","status":"True","lastTransitionTime":"2026-01-02T03:04:05Z","reason":"Local","message":"Local APIServices are always available"}]}}`},
		{"remote API service", "apiservices", "", "", `{"spec":{"version":"v1","service":{"name":"s"}},"status":{"conditions":[{"type":"Available","status":"True","lastTransitionTime":null}]}}`, `{"spec":{"version":"v1","service":{"name":"s"}}}`},
		{"storage class", "storageclasses", "", "", `{"provisioner":"p"}`, `{"provisioner":"p","reclaimPolicy":"Delete","volumeBindingMode":"Immediate"}`},
		{"priority class", "priorityclasses", "", "", `{"value":1}`, `{"value":1,"preemptionPolicy":"PreemptLowerPriority"}`},
		{"role binding", "rolebindings", "", "", `{"roleRef":{"kind":"Role","name":"r"},"subjects":[{"kind":"User","name":"u"},{"kind":"ServiceAccount","name":"s"},{"kind":"Group","name":"g","apiGroup":"x"}]}`,
			`{"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"r"},"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"u"},{"kind":"ServiceAccount","name":"s"},{"kind":"Group","name":"g","apiGroup":"x"}]}`},
		{"autoscaler", "horizontalpodautoscalers", "", "", `{"metadata":{"annotations":{"autoscaling.alpha.kubernetes.io/metrics":"x","a":"b"}},"spec":{"maxReplicas":3}}`,
			`{"metadata":{"annotations":{"a":"b"}},"spec":{"minReplicas":1,"maxReplicas":3,"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":80}}}]}}`},
		{"node", "nodes", "", "", `{"spec":{"podCIDR":"10.0.0.0/24"},"status":{"capacity":{"cpu":"2"}}}`,
			`{"spec":{"podCIDR":"10.0.0.0/24","podCIDRs":["10.0.0.0/24"]},"status":{"capacity":{"cpu":"2"},"allocatable":{"cpu":"2"}}}`},
		{"node, the old field counts", "nodes", "", "", `{"spec":{"podCIDR":"10.0.0.0/24","podCIDRs":["10.1.0.0/24","x"]}}`, `{"spec":{"podCIDR":"10.0.0.0/24","podCIDRs":["10.0.0.0/24"]}}`},
		{"node, only the new field", "nodes", "", "", `{"spec":{"podCIDRs":["10.1.0.0/24","x"]}}`, `{"spec":{"podCIDR":"10.1.0.0/24","podCIDRs":["10.1.0.0/24","x"]}}`},
		{"definition", "customresourcedefinitions", "", "", `{"spec":{"versions":[{"name":"v1"},{"name":"v2","storage":true}]},"status":{"storedVersions":["v0"]}}`,
			`{"spec":{"versions":[{"name":"v1"},{"name":"v2","storage":true}]},"status":{"storedVersions":["v2"]}}`},
		{"definition with another version", "customresourcedefinitions", "", `{"status":{"storedVersions":["v1"]}}`, `{"spec":{"versions":[{"name":"v2","storage":true}]}}`,
			`{"spec":{"versions":[{"name":"v2","storage":true}]},"status":{"storedVersions":["v1","v2"]}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := all[tc.resource]
			v := r.Storage()
			read := func(text string) object.Object {
				obj, _, err := v.Codec.Decode(object.JSON, []byte(text), false)
				if err != nil {
					t.Fatal(err)
				}
				return obj
			}
			c := &resource.Change{Req: user, Op: resource.OpCreate, Resource: r, Version: v, New: read(tc.new), Now: now}
			if v.Default != nil {
				v.Default(c.New)
			}
			switch {
			case tc.old == "":
				resource.ClearPaths(c.New, r.Rules.CreateReset)
			case tc.sub == "":
				c.Op, c.Old = resource.OpUpdate, read(tc.old)
				resource.CopyPaths(c.New, c.Old, r.Rules.Reset)
			default:
				c.Op, c.Old, c.Sub = resource.OpUpdate, read(tc.old), v.Sub(tc.sub)
				resource.CopyPaths(c.New, c.Old, c.Sub.Reset)
			}
			if r.Prepare != nil {
				if err := r.Prepare(context.Background(), c); err != nil {
					t.Fatal(err)
				}
			}
			if tc.old != "" && !resource.Equal(c.Old, read(tc.old)) {
				t.Errorf("the old object has changed: %+v", c.Old)
			}
			want := read(tc.want)
			want.GetObjectKind().SetGroupVersionKind(c.New.GetObjectKind().GroupVersionKind())
			if !resource.Equal(c.New, want) {
				a, _ := json.Marshal(c.New)
				t.Errorf("\n got %s\nwant %s", a, tc.want)
			}
		})
	}
}

// TestServe asks what is answered and not stored.
func TestServe(t *testing.T) {
	all := All(resource.Deps{Authenticator: tokens{}})
	req := &request.Request{User: &request.User{Name: "jane", Groups: []string{"g"}, Extra: map[string][]string{"k": {"v"}}}}
	for _, tc := range []struct{ name, namespace, ask, want string }{
		{"may I", "", `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":{"verb":"get"}}}`,
			`{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{},"spec":{"resourceAttributes":{"verb":"get"}},"status":{"allowed":true}}`},
		{"may I what", "", `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview"}`,
			`.authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified`},
		{"may nobody", "", `{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{}}`,
			`.authorization.k8s.io "" is invalid: [spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified, spec.user: Invalid value: "": at least one of user or group must be specified]`},
		{"may a user", "", `{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","metadata":{"name":"a"},"spec":{"user":"x","resourceAttributes":{"verb":"get"},"nonResourceAttributes":{"verb":"g"}}}`,
			`.authorization.k8s.io "" is invalid: [spec.nonResourceAttributes: Invalid value: {"Path":"","Verb":"g"}: cannot be specified in combination with resourceAttributes, metadata: Invalid value: {"name":"a"}: must be empty]`},
		{"may a user here", "n", `{"apiVersion":"authorization.k8s.io/v1","kind":"LocalSubjectAccessReview","metadata":{"namespace":"n"},"spec":{"user":"x","resourceAttributes":{"namespace":"n","verb":"get"}}}`,
			`{"kind":"LocalSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{"namespace":"n"},"spec":{"resourceAttributes":{"namespace":"n","verb":"get"},"user":"x"},"status":{"allowed":true}}`},
		{"may a user elsewhere", "n", `{"apiVersion":"authorization.k8s.io/v1","kind":"LocalSubjectAccessReview","metadata":{"namespace":"n"},"spec":{"user":"x","resourceAttributes":{"namespace":"o","verb":"get"}}}`,
			`.authorization.k8s.io "" is invalid: spec.resourceAttributes.namespace: Invalid value: "o": must match metadata.namespace`},
		{"what may I", "", `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectRulesReview","spec":{"namespace":"n"}}`,
			`{"kind":"SelfSubjectRulesReview","apiVersion":"authorization.k8s.io/v1","metadata":{},"spec":{},"status":{"resourceRules":[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}],"nonResourceRules":[{"verbs":["*"],"nonResourceURLs":["*"]}],"incomplete":false}}`},
		{"what may I nowhere", "", `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectRulesReview"}`, "no namespace on request"},
		{"who am I", "", `{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`,
			`{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1","metadata":{"creationTimestamp":"2026-01-02T03:04:05Z"},"status":{"userInfo":{"username":"jane","groups":["g"],"extra":{"k":["v"]}}}}`},
		{"whose is it", "", `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"good"}}`,
			`{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","metadata":{},"spec":{"token":"good"},"status":{"authenticated":true,"user":{"username":"owner"},"audiences":["api"]}}`},
		{"whose is nobody's", "", `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"bad"}}`,
			`{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","metadata":{},"spec":{"token":"bad"},"status":{"user":{},"error":"invalid bearer token"}}`},
		{"whose is nothing", "", `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{}}`, "token is required for TokenReview in authentication"},
	} {
		r, v, obj := decode(t, all, []byte(tc.ask))
		got, err := r.Serve(context.Background(), &resource.Change{Req: req, Resource: r, Version: v, Namespace: tc.namespace, New: obj, Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
		if err != nil {
			if err.Error() != tc.want {
				t.Errorf("%s:\n got %v\nwant %s", tc.name, err, tc.want)
			}
			continue
		}
		if data, err := v.Codec.Append(nil, object.JSON, got); err != nil || string(data) != tc.want {
			t.Errorf("%s: %v\n got %s\nwant %s", tc.name, err, data, tc.want)
		}
	}
}

type tokens struct{}

func (tokens) AuthenticateToken(_ context.Context, token string, _ []string) (*request.User, []string, bool, error) {
	if token == "good" {
		return &request.User{Name: "owner"}, []string{"api"}, true, nil
	}
	return nil, nil, false, nil
}

// TestNames asks the kinds whose names are no DNS subdomains.
func TestNames(t *testing.T) {
	all := map[string]*resource.Resource{}
	for _, r := range All(resource.Deps{Features: func(string) bool { return true }}) {
		all[r.Names.Plural] = r
	}
	for _, tc := range []struct {
		resource, name string
		ok             bool
	}{
		{"clusterroles", "system:node", true}, {"clusterroles", "a/b", false}, {"certificatesigningrequests", "Any Thing", true},
		{"ipaddresses", "10.0.0.1", true}, {"ipaddresses", "010.0.0.1", false}, {"ipaddresses", "2001:db8::1", true}, {"ipaddresses", "2001:DB8::1", false},
		{"statefulsets", "a.b", false}, {"storageversions", "apps.deployments", true}, {"storageversions", "deployments", false},
		{"leasecandidates", "A_b.c", true}, {"leasecandidates", "a/b", false}, {"apiservices", "v1.", true},
	} {
		if msgs := all[tc.resource].Rules.ValidateName(tc.name, false); (len(msgs) == 0) != tc.ok {
			t.Errorf("%s %q: %v", tc.resource, tc.name, msgs)
		}
	}
	for _, tc := range []struct{ ask, want string }{
		{`{"apiVersion":"apiregistration.k8s.io/v1","kind":"APIService","metadata":{"name":"v1.g"},"spec":{"version":"v1","group":"g"}}`, ""},
		{`{"apiVersion":"apiregistration.k8s.io/v1","kind":"APIService","metadata":{"name":"x"},"spec":{"version":"v1","group":"g"}}`, "metadata.name: Invalid value: \"x\": must be `spec.version+\".\"+spec.group`: \"v1.g\""},
		{`{"apiVersion":"certificates.k8s.io/v1beta1","kind":"ClusterTrustBundle","metadata":{"name":"a:b:c"},"spec":{"signerName":"a/b"}}`, ""},
		{`{"apiVersion":"certificates.k8s.io/v1beta1","kind":"ClusterTrustBundle","metadata":{"name":"c"},"spec":{"signerName":"a/b"}}`, `metadata.name: Invalid value: "c": ClusterTrustBundle for signerName a/b must be named with prefix a:b:`},
	} {
		var head struct{ APIVersion, Kind string }
		if err := json.Unmarshal([]byte(tc.ask), &head); err != nil {
			t.Fatal(err)
		}
		list := make([]*resource.Resource, 0, len(all))
		for _, r := range all {
			if r.Of(schema.FromAPIVersionAndKind(head.APIVersion, head.Kind)) != nil {
				list = append(list, r)
			}
		}
		r, _, obj := decode(t, list, []byte(tc.ask))
		got := ""
		if errs := r.Validate(context.Background(), &resource.Change{Op: resource.OpCreate, New: obj}); len(errs) > 0 {
			got = errs.ToAggregate().Error()
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.ask, got, tc.want)
		}
	}
}
