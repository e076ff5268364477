package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// banner tells a newcomer where the server is and what to try.
func banner(w io.Writer, o *options, url, kubeconfig string) {
	kept := "kept in " + o.dataDir
	switch o.storage {
	case storageMemory:
		kept = "kept in memory, and gone at the end"
	case storageEtcd:
		kept = "kept in etcd at " + strings.Join(o.etcdServers, ", ")
	}
	if abs, err := filepath.Abs(kubeconfig); err == nil {
		kubeconfig = abs
	}
	fmt.Fprintf(w, `pintle serves Kubernetes %s on %s, %s.
In another terminal:
  export KUBECONFIG=%s
  kubectl create configmap hello --from-literal=from=pintle
  kubectl get configmaps --watch
Ctrl-C stops it; nothing acknowledged is lost.
`, kubernetesVersion, url, kept, quote(kubeconfig))
}

// quote makes s one word for a shell.
func quote(s string) string {
	if !strings.ContainsAny(s, " \t\n'\"\\$&;()<>|*?[]{}~#`!") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
