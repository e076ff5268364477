// Package reference builds the real Kubernetes programs from their published
// modules and drives a real etcd + kube-apiserver, so that what pintle answers
// can be compared with what they answer.
//
// Its nouns: a Program is one of the real binaries, built once into a cache
// folder of the user and found there afterwards; a Server is one running
// kube-apiserver with an etcd of its own, on free loopback ports and in a
// folder of its own; Options say in which shape it runs.
//
// A Server is safe for concurrent use by any number of clients; Start and Stop
// belong to one goroutine. Nothing here is imported by pintle itself.
package reference

// A Program is one of the real programs that Build knows how to make.
type Program string

const (
	Etcd                  Program = "etcd"
	KubeAPIServer         Program = "kube-apiserver"
	KubeControllerManager Program = "kube-controller-manager"
	KubeScheduler         Program = "kube-scheduler"
	Kubectl               Program = "kubectl"
)

// Versions of the real programs; go.mod and etcd/go.mod hold the same numbers,
// which a test compares.
const (
	KubernetesVersion = "v1.36.3"
	EtcdVersion       = "v3.7.3"
)

// source says where a program is built from: the module folder below this
// package's own, and the import path of its main package.
type source struct {
	module string
	pkg    string
}

// etcd is a module of its own so that kube-apiserver keeps the etcd client
// that its release shipped with.
func (p Program) source() (source, bool) {
	switch p {
	case Etcd:
		return source{"etcd", "go.etcd.io/etcd/server/v3"}, true
	case KubeAPIServer, KubeControllerManager, KubeScheduler, Kubectl:
		return source{".", "k8s.io/kubernetes/cmd/" + string(p)}, true
	}
	return source{}, false
}
