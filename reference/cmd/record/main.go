// Command record has the conversations of testdata/script with a reference
// server and writes its answers into the scripts, or shows with -verify that
// they are still the same.
//
//	go run ./cmd/record                       a server of its own, all scripts
//	go run ./cmd/record -run '^watch-'        some of them
//	go run ./cmd/record -verify
//	go run ./cmd/record -url https://127.0.0.1:6443 -token-file token
//
// A server of its own is a bare one, without the admission plugin that puts a taint on new nodes. Scripts with a directive are for others:
// "needs: cbor" for one that has the CBOR encoding switched on, "needs: compacted"
// for one that has no history before its start.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"

	"github.com/pintle-io/pintle/internal/script"
	"github.com/pintle-io/pintle/reference"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir := flag.String("dir", "../testdata/script", "the scripts")
	only := flag.String("run", "", "only scripts whose name matches this regular expression")
	verify := flag.Bool("verify", false, "show differences, write nothing")
	url := flag.String("url", "", "a running server, instead of one of its own; its certificate is not checked, and scripts with special needs are left out")
	tokenFile := flag.String("token-file", "", "the token for -url")
	parallel := flag.Int("parallel", 4, "how many scripts at a time")
	flag.Parse()

	match, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	all, err := script.LoadAll(*dir)
	if err != nil {
		return err
	}
	targets := &targets{running: map[string]script.Target{}}
	defer targets.stop()
	if *url != "" {
		token, err := os.ReadFile(*tokenFile)
		if err != nil {
			return err
		}
		targets.given = &script.Target{Name: "reference", URL: *url, Token: strings.TrimSpace(string(token)),
			Client: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}}
	}
	var scripts []*script.Script
	for _, s := range all {
		if match.MatchString(s.Name) && (targets.given == nil || s.Needs == "") {
			scripts = append(scripts, s)
		}
	}
	results, err := runAll(ctx, scripts, targets, *parallel)
	if err != nil {
		return err
	}
	var failed error
	ran, changed := 0, 0
	for i, s := range scripts {
		if err := results[i].err; err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		ran++
		diff := s.Compare(results[i].answers)
		if diff == "" {
			continue
		}
		changed++
		if *verify {
			fmt.Printf("%s\n%s", s.Path, diff)
		} else if err := s.Record(results[i].answers); err != nil {
			return err
		}
	}
	fmt.Printf("%d scripts, %d with other answers than recorded\n", ran, changed)
	if *verify && changed > 0 {
		failed = errors.Join(failed, fmt.Errorf("%d scripts differ", changed))
	}
	return failed
}

type result struct {
	answers []script.Answer
	err     error
}

// runAll has the conversations, some at a time; the answers do not depend on how many.
func runAll(ctx context.Context, scripts []*script.Script, targets *targets, parallel int) ([]result, error) {
	results := make([]result, len(scripts))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, s := range scripts {
		t, err := targets.get(ctx, s.Needs)
		if err != nil {
			g.Wait()
			return nil, err
		}
		g.Go(func() error {
			results[i].answers, results[i].err = s.Run(ctx, t)
			return nil
		})
	}
	return results, g.Wait()
}

// targets starts the servers that the scripts need, each on first need.
type targets struct {
	given   *script.Target
	running map[string]script.Target
	servers []*reference.Server
	dirs    []string
}

func (t *targets) get(ctx context.Context, needs string) (script.Target, error) {
	if t.given != nil {
		return *t.given, nil
	}
	if target, ok := t.running[needs]; ok {
		return target, nil
	}
	o := reference.Options{Bare: true, Args: []string{"--disable-admission-plugins=TaintNodesByCondition"}}
	var err error
	switch needs {
	case "":
	case "cbor":
		o.Args = append(o.Args, "--feature-gates=CBORServingAndStorage=true")
	case "compacted":
		o.Args = append(o.Args, "--feature-gates=CBORServingAndStorage=true")
		if o.Dir, err = os.MkdirTemp("", "pintle-record-"); err != nil {
			return script.Target{}, err
		}
		t.dirs = append(t.dirs, o.Dir)
		if err := compacted(ctx, o); err != nil {
			return script.Target{}, err
		}
	default:
		return script.Target{}, fmt.Errorf("no server for %q", "needs: "+needs)
	}
	s, err := reference.Start(ctx, o)
	if err != nil {
		return script.Target{}, err
	}
	t.servers = append(t.servers, s)
	target := script.Target{Name: "reference", URL: s.URL, Client: s.Anonymous(), Token: s.Token}
	t.running[needs] = target
	return target, nil
}

// compacted runs a server once, so that its data are there, and takes the history from them.
func compacted(ctx context.Context, o reference.Options) error {
	s, err := reference.Start(ctx, o)
	if err != nil {
		return err
	}
	cli, err := clientv3.New(clientv3.Config{Endpoints: []string{s.EtcdURL}})
	if err != nil {
		return errors.Join(err, s.Stop())
	}
	defer cli.Close()
	resp, err := cli.Get(ctx, "/")
	if err == nil {
		_, err = cli.Compact(ctx, resp.Header.Revision)
	}
	return errors.Join(err, s.Stop())
}

func (t *targets) stop() {
	defer func() {
		for _, dir := range t.dirs {
			os.RemoveAll(dir)
		}
	}()
	for _, s := range t.servers {
		if err := s.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "record:", err)
		}
	}
}
