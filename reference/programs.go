//go:build programs

package reference

// These imports keep the programs' requirements in go.mod. The tag is never
// set in a build: main packages cannot be imported.
import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
