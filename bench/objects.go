package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// The objects as the reference's own GET showed them, less what the server owns; go run ./bench -record makes them.
//
//go:embed objects/configmap.json
var recordedConfigMap []byte

//go:embed objects/pod.json
var recordedPod []byte

// objects are what all targets are given, so that all keep the same.
type objects struct {
	configMap, pod map[string]any
}

const (
	recordNamespace = "bench-objects"

	minimalConfigMap = `{"metadata":{"name":"sample","labels":{"app.kubernetes.io/name":"bench","app.kubernetes.io/part-of":"bench"},
		"annotations":{"bench.example.com/owner":"team-a","bench.example.com/purpose":"an object of about a kilobyte"}},"data":{"counter":"0",
		"application.properties":"server.port=8080\nserver.host=0.0.0.0\ncache.size=256\ncache.ttl=30s\nqueue.workers=8\nqueue.depth=1024\nfeature.search=true\nfeature.export=false\n",
		"logging.yaml":"level: info\nformat: json\noutputs:\n- stdout\n- file:/var/log/application.log\nrotation:\n  size: 100Mi\n  keep: 7\n"}}`

	minimalPod = `{"metadata":{"name":"sample","labels":{"app":"web","pod-template-hash":"7c5ddbdf54","tier":"frontend"},
		"annotations":{"prometheus.io/scrape":"true","prometheus.io/port":"8080"}},"spec":{
		"containers":[{"name":"web","image":"registry.example.com/shop/web:v1.17.3","args":["--listen=:8080","--config=/etc/web/config.yaml"],
		"ports":[{"name":"http","containerPort":8080}],"env":[{"name":"POD_NAME","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},
		{"name":"REGION","value":"eu-central-1"}],"resources":{"requests":{"cpu":"100m","memory":"128Mi"},"limits":{"memory":"256Mi"}},
		"readinessProbe":{"httpGet":{"path":"/ready","port":"http"},"periodSeconds":5},
		"volumeMounts":[{"name":"config","mountPath":"/etc/web"}]}],"volumes":[{"name":"config","configMap":{"name":"web-config"}}]}}`
)

// prepareObjects creates one object of each kind on the reference, and takes what its GET shows, less what the server
// owns. Without the reference the recorded ones serve.
func (b *bench) prepareObjects(ctx context.Context) error {
	for _, t := range b.targets {
		if t.kind != kindBare {
			continue
		}
		s, _, err := b.start(ctx, t, "")
		if err != nil {
			return err
		}
		defer s.stop()
		if err := s.namespace(ctx, recordNamespace); err != nil {
			return err
		}
		path := "/api/v1/namespaces/" + recordNamespace
		if b.objects.configMap, err = s.sample(ctx, path+"/configmaps", minimalConfigMap); err != nil {
			return err
		}
		b.objects.pod, err = s.sample(ctx, path+"/pods", minimalPod)
		return err
	}
	if err := json.Unmarshal(recordedConfigMap, &b.objects.configMap); err != nil {
		return err
	}
	return json.Unmarshal(recordedPod, &b.objects.pod)
}

// write keeps the objects for runs without the reference.
func (o objects) write(dir string) error {
	for name, object := range map[string]any{"configmap.json": o.configMap, "pod.json": o.pod} {
		text, err := json.MarshalIndent(object, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) sample(ctx context.Context, path, minimal string) (map[string]any, error) {
	if _, err := s.fetch(ctx, call{method: "POST", path: path, body: []byte(minimal)}); err != nil {
		return nil, err
	}
	got, err := s.fetch(ctx, call{method: "GET", path: path + "/sample"})
	if err != nil {
		return nil, err
	}
	var object map[string]any
	if err := json.Unmarshal(got, &object); err != nil {
		return nil, err
	}
	delete(object, "status")
	meta := object["metadata"].(map[string]any)
	for _, owned := range []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "namespace"} {
		delete(meta, owned)
	}
	return object, nil
}

// namespace makes a namespace with the service account that pods need where nothing makes it.
func (s *server) namespace(ctx context.Context, name string) error {
	if _, err := s.fetch(ctx, call{method: "POST", path: "/api/v1/namespaces", body: fmt.Appendf(nil, `{"metadata":{"name":%q}}`, name)}); err != nil {
		return err
	}
	_, err := s.fetch(ctx, call{method: "POST", path: "/api/v1/namespaces/" + name + "/serviceaccounts", body: []byte(`{"metadata":{"name":"default"}}`)})
	return err
}

// maker returns a function that writes the object under a name, and with a counter if it has data.
func maker(object map[string]any) func(name string, counter int) []byte {
	const nameMark, counterMark = "\x01name", "\x01counter"
	meta := object["metadata"].(map[string]any)
	meta["name"] = nameMark
	if data, ok := object["data"].(map[string]any); ok {
		data["counter"] = counterMark
	}
	template, err := json.Marshal(object)
	if err != nil {
		panic(err)
	}
	parts := splitMarks(string(template), nameMark, counterMark)
	return func(name string, counter int) []byte {
		out := make([]byte, 0, len(template)+32)
		for _, p := range parts {
			switch p {
			case nameMark:
				out = append(out, name...)
			case counterMark:
				out = fmt.Appendf(out, "%d", counter)
			default:
				out = append(out, p...)
			}
		}
		return out
	}
}
