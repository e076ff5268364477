package main

import (
	"net"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// kubernetesVersion is the version of the API that is served, and of the program whose command line is taken.
const kubernetesVersion = "v1.36.3"

// program is what the name that the binary was started by makes of it.
type program struct {
	name        string
	about       string
	usage       []string
	asApiserver bool

	bindAddress net.IP
	certDir     string
	certDirNote string
	dataDir     string
	storage     string
	storageNote string
}

// programFor returns pintle, or kube-apiserver where the binary is installed under that name: then it has
// kube-apiserver's defaults and none of pintle's comforts.
func programFor(argv0 string) program {
	name := strings.TrimSuffix(filepath.Base(argv0), ".exe")
	if name == "kube-apiserver" {
		return program{
			name: name,
			about: "pintle, the Kubernetes API server, installed under the name kube-apiserver: it takes kube-apiserver's command line, " +
				"stores in etcd and writes nothing but the serving certificate.",
			usage:       []string{"kube-apiserver [flags]"},
			asApiserver: true,
			bindAddress: net.IPv4zero,
			certDir:     "/var/run/kubernetes",
			storage:     storageEtcd,
			storageNote: "etcd without it",
		}
	}
	return program{
		name:        "pintle",
		about:       "pintle is the Kubernetes API server, alone: small, fast, one binary. Without a command it serves.",
		usage:       []string{"pintle [serve] [flags]", "pintle version"},
		bindAddress: net.IPv4(127, 0, 0, 1),
		certDirNote: " (without it, a folder in --data-dir)",
		dataDir:     "pintle-data",
		storage:     storageEmbedded,
		storageNote: "embedded without it, or etcd where --etcd-servers is given",
	}
}

// versionText answers --version: kube-apiserver's own words under its name.
func (p program) versionText(raw bool) string {
	if p.asApiserver {
		return "Kubernetes " + kubernetesVersion
	}
	text := "pintle " + buildVersion() + " (Kubernetes " + kubernetesVersion + ")"
	if raw {
		text += " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
	}
	return text
}

// buildVersion is the module's version as the Go command recorded it.
func buildVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return strings.Trim(info.Main.Version, "()")
	}
	return "devel"
}
