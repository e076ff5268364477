package object

import (
	"bytes"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// itemEncoding is what the items of a list in e are encoded in.
func itemEncoding(e Encoding) Encoding {
	if e == YAML {
		return JSON
	}
	return e
}

func TestListsLikeOracle(t *testing.T) {
	f := filler(seed(t))
	kind := corev1.SchemeGroupVersion.WithKind("ConfigMap")
	c := codecFor(kind)
	for _, n := range []int{0, 1, 300} {
		list := &corev1.ConfigMapList{Items: []corev1.ConfigMap{}}
		list.ResourceVersion, list.Continue = "12", "tok<en"
		if n == 1 {
			list.RemainingItemCount = new(int64(7))
		}
		for range n {
			var cm corev1.ConfigMap
			f.Fill(&cm)
			cm.TypeMeta = metav1.TypeMeta{}
			list.Items = append(list.Items, cm)
		}
		for e := range Encodings {
			var items ItemSlice
			for i := range list.Items {
				b, err := c.Append(nil, itemEncoding(e), &list.Items[i])
				if err != nil {
					t.Fatal(err)
				}
				items = append(items, AppendItem(nil, itemEncoding(e), kind, false, b))
			}
			l := List{Kind: corev1.SchemeGroupVersion.WithKind("ConfigMapList"), Meta: ListMeta{"12", "tok<en", list.RemainingItemCount}}
			var got bytes.Buffer
			if err := WriteList(&got, e, l, items); err != nil {
				t.Fatal(err)
			}
			same(t, names[e], got.Bytes(), oracleEncode(t, e, l.Kind, list))
		}
	}
}

func TestTreeListsLikeOracle(t *testing.T) {
	kind := schema.GroupVersionKind{Group: "stable.example.com", Version: "v1", Kind: "CronTab"}
	c := &Codec{Kind: kind}
	list := &unstructured.UnstructuredList{Object: map[string]any{}}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind("CronTabList"))
	list.SetResourceVersion("12")
	list.SetContinue("")
	list.SetRemainingItemCount(new(int64(3)))
	for _, name := range []string{"a", "b"} {
		u := unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"x": int64(1)}}}
		u.SetGroupVersionKind(kind)
		u.SetName(name)
		list.Items = append(list.Items, u)
	}
	for _, e := range []Encoding{JSON, YAML, CBOR} {
		var items ItemSlice
		for i := range list.Items {
			b, err := c.Append(nil, itemEncoding(e), &list.Items[i])
			if err != nil {
				t.Fatal(err)
			}
			items = append(items, AppendItem(nil, itemEncoding(e), kind, true, b))
		}
		var got, want bytes.Buffer
		l := List{Kind: kind.GroupVersion().WithKind("CronTabList"), Tree: true, Meta: ListMeta{"12", "", new(int64(3))}}
		if err := WriteList(&got, e, l, items); err != nil {
			t.Fatal(err)
		}
		if err := oracleInfo(e).Serializer.Encode(list, &want); err != nil {
			t.Fatal(err)
		}
		same(t, names[e], got.Bytes(), want.Bytes())
	}
}

func TestWatchEventsLikeOracle(t *testing.T) {
	kind := corev1.SchemeGroupVersion.WithKind("ConfigMap")
	c := codecFor(kind)
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Data: map[string]string{"k": "<v>"}}
	for _, e := range []Encoding{JSON, Protobuf, CBOR} {
		if !e.Streams() {
			t.Fatalf("%s does not stream", names[e])
		}
		obj, err := c.Append(nil, e, cm)
		if err != nil {
			t.Fatal(err)
		}
		got := AppendWatchEvent([]byte("x"), e, "ADDED", obj)[1:]
		var want bytes.Buffer
		stream := oracleInfo(e).StreamSerializer
		event := &metav1.WatchEvent{Type: "ADDED", Object: runtime.RawExtension{Raw: oracleEncode(t, e, kind, cm)}}
		if err := stream.Serializer.Encode(event, stream.Framer.NewFrameWriter(&want)); err != nil {
			t.Fatal(err)
		}
		same(t, names[e], got, want.Bytes())
	}
	if YAML.Streams() {
		t.Error("YAML streams")
	}
}
