// Command refserver runs a real etcd and kube-apiserver on free loopback ports
// until it is interrupted, building them first where they are missing.
//
//	go run ./cmd/refserver -bare -kubeconfig ./reference.kubeconfig
//	go run ./cmd/refserver -print-binaries
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/pintle-io/pintle/reference"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "refserver:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var o reference.Options
	flag.BoolVar(&o.Bare, "bare", false, "AlwaysAllow, no priority and fairness")
	flag.StringVar(&o.Dir, "dir", "", "folder for data, certificates and logs (default: a temporary one)")
	flag.StringVar(&o.Token, "token", "", "the administrator's static token")
	kubeconfig := flag.String("kubeconfig", "", "write a kubeconfig here")
	urlFile := flag.String("url-file", "", "write the server's URL here")
	tokenFile := flag.String("token-file", "", "write the administrator's token here")
	args := flag.String("apiserver-args", "", "more flags for kube-apiserver, separated by spaces")
	etcdArgs := flag.String("etcd-args", "", "more flags for etcd, separated by spaces")
	all := []reference.Program{reference.Etcd, reference.KubeAPIServer, reference.Kubectl}
	printBinaries := flag.Bool("print-binaries", false, "build etcd, kube-apiserver and kubectl (and the programs named as arguments), print their paths, and end")
	flag.Parse()
	o.Args, o.EtcdArgs = strings.Fields(*args), strings.Fields(*etcdArgs)

	if *printBinaries {
		for _, a := range flag.Args() {
			all = append(all, reference.Program(a))
		}
		paths, err := reference.Build(ctx, all...)
		for _, p := range paths {
			fmt.Println(p)
		}
		return err
	}

	s, err := reference.Start(ctx, o)
	if err != nil {
		return err
	}
	err = announce(s, *kubeconfig, *urlFile, *tokenFile)
	if err == nil {
		<-ctx.Done()
	}
	if stopErr := s.Stop(); err == nil {
		err = stopErr
	}
	return err
}

func announce(s *reference.Server, kubeconfig, urlFile, tokenFile string) error {
	if kubeconfig != "" {
		if err := s.WriteKubeconfig(kubeconfig); err != nil {
			return err
		}
	}
	for path, text := range map[string]string{urlFile: s.URL, tokenFile: s.Token} {
		if path != "" {
			if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
				return err
			}
		}
	}
	fmt.Printf("ready: %s (etcd %s, pids %d and %d, logs in %s)\n", s.URL, s.EtcdURL, s.APIServer.Pid, s.Etcd.Pid, s.Dir)
	return nil
}
