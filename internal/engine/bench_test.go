package engine_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pintle-io/pintle/internal/cache"
	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/store"
	"github.com/pintle-io/pintle/internal/store/embed"
)

func configMap(name string) *corev1.ConfigMap {
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", Labels: map[string]string{"app": "bench"}}, Data: map[string]string{}}
	for i := range 8 {
		cm.Data[fmt.Sprintf("key-%d", i)] = strings.Repeat("x", 100)
	}
	return cm
}

// BenchmarkWrites is what a write costs between the decoded body and the answer's bytes, synced to disk, by 16
// writers that share the syncs.
func BenchmarkWrites(b *testing.B) {
	s, err := embed.Open(embed.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	r := newRigOn(b, s)
	ctx := context.Background()
	answer := func(res engine.Result, err error) {
		if err != nil {
			b.Error(err)
			return
		}
		if _, err := res.Record.Bytes(r.target("configmaps", "").Version, object.JSON, cache.Full); err != nil {
			b.Error(err)
		}
	}
	var n atomic.Int64
	for i := range 256 {
		r.create("configmaps", configMap(fmt.Sprintf("old-%d", i)))
	}
	run := func(name string, write func(i int64)) {
		b.Run(name, func(b *testing.B) {
			b.SetParallelism(8)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					write(n.Add(1))
				}
			})
		})
	}
	run("create", func(i int64) {
		answer(r.Create(ctx, r.req(), r.target("configmaps", ""), configMap(fmt.Sprint("new-", i)), metav1.CreateOptions{FieldManager: "bench"}))
	})
	run("update", func(i int64) {
		cm := configMap(fmt.Sprintf("old-%d", i%256))
		cm.Data["key-0"] = fmt.Sprint(i)
		answer(r.Update(ctx, r.req(), r.target("configmaps", cm.Name), cm, metav1.UpdateOptions{FieldManager: "bench"}))
	})
	for _, kind := range []types.PatchType{types.MergePatchType, types.StrategicMergePatchType} {
		run(string(kind), func(i int64) {
			data := fmt.Sprintf(`{"data":{"key-0":"%d"}}`, i)
			answer(r.Patch(ctx, r.req(), r.target("configmaps", fmt.Sprintf("old-%d", i%256)), engine.Patch{Type: kind, Data: []byte(data)},
				metav1.PatchOptions{FieldManager: "bench", FieldValidation: "Warn"}))
		})
	}
	run("apply", func(i int64) {
		data := fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"old-%d"},"data":{"applied":"%d","b":"%s"}}`, i%256, i, strings.Repeat("y", 800))
		force := true
		answer(r.Patch(ctx, r.req(), r.target("configmaps", fmt.Sprintf("old-%d", i%256)), engine.Patch{Type: types.ApplyYAMLPatchType, Data: []byte(data)},
			metav1.PatchOptions{FieldManager: "applier", Force: &force, FieldValidation: "Warn"}))
	})
}

// BenchmarkFirstRead is what the first reader of a pod pays: reading the stored bytes and writing JSON that is kept.
func BenchmarkFirstRead(b *testing.B) {
	r := newRig(b)
	data, err := os.ReadFile("../../bench/objects/pod.json")
	if err != nil {
		b.Fatal(err)
	}
	t := r.target("pods", "")
	pod, _, err := t.Version.Codec.Decode(object.JSON, data, false)
	if err != nil {
		b.Fatal(err)
	}
	pod.SetNamespace("default")
	rec := r.create("pods", pod).Record
	table, err := r.Cache.Table(b.Context(), t.Resource)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		fresh := table.Record(store.Record{Key: rec.Key, Revision: rec.Revision, Value: rec.Value})
		if _, err := fresh.Bytes(t.Version, object.JSON, cache.Full); err != nil {
			b.Fatal(err)
		}
	}
}
