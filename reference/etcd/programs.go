//go:build programs

// Package etcd pins the etcd server that package reference builds and runs. It
// is a module of its own, so that kube-apiserver keeps the etcd client that
// its release shipped with.
package etcd

import _ "go.etcd.io/etcd/server/v3"
