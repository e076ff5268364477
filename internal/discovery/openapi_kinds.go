package discovery

import "strings"

// everyVersion are the groups and versions that kube-apiserver ever served, of which its documents say that what can be
// sent to any group is a kind. A dash behind a version: the documents of custom resources do not say so.
var everyVersion = []struct{ group, versions string }{
	{"", "v1"},
	{"admission.k8s.io", "v1- v1beta1-"},
	{"admissionregistration.k8s.io", "v1 v1alpha1 v1beta1"},
	{"apiextensions.k8s.io", "v1- v1beta1-"},
	{"apiregistration.k8s.io", "v1- v1beta1-"},
	{"apps", "v1 v1beta1 v1beta2"},
	{"authentication.k8s.io", "v1 v1alpha1 v1beta1"},
	{"authorization.k8s.io", "v1 v1beta1"},
	{"autoscaling", "v1 v2"},
	{"batch", "v1 v1beta1"},
	{"certificates.k8s.io", "v1 v1alpha1 v1beta1"},
	{"coordination.k8s.io", "v1 v1alpha2 v1beta1"},
	{"discovery.k8s.io", "v1 v1beta1"},
	{"events.k8s.io", "v1 v1beta1"},
	{"extensions", "v1beta1"},
	{"flowcontrol.apiserver.k8s.io", "v1 v1beta1 v1beta2 v1beta3"},
	{"imagepolicy.k8s.io", "v1alpha1-"},
	{"internal.apiserver.k8s.io", "v1alpha1"},
	{"networking.k8s.io", "v1 v1beta1"},
	{"node.k8s.io", "v1 v1alpha1 v1beta1"},
	{"policy", "v1 v1beta1"},
	{"rbac.authorization.k8s.io", "v1 v1alpha1 v1beta1"},
	{"resource.k8s.io", "v1 v1alpha3 v1beta1 v1beta2"},
	{"scheduling.k8s.io", "v1 v1alpha2 v1beta1"},
	{"storage.k8s.io", "v1 v1alpha1 v1beta1"},
	{"storagemigration.k8s.io", "v1beta1"},
}

// kindOfEvery is a kind in each of these versions.
func kindOfEvery(name string, customs bool) (out []kind) {
	for _, g := range everyVersion {
		for version := range strings.SplitSeq(g.versions, " ") {
			version, dash := strings.CutSuffix(version, "-")
			if !customs || !dash {
				out = append(out, kind{g.group, name, version})
			}
		}
	}
	return out
}
