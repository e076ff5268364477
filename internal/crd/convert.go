package crd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/object"
)

// converter turns the objects of one CustomResourceDefinition from any of its versions into any other: by their
// apiVersion alone, or by a webhook.
type converter struct {
	name     string // of the definition
	group    string
	versions []string // apiVersions
	hook     *webhook // nil: strategy None
	review   string   // the version of ConversionReview that is spoken; empty: none that is known here
	newUID   func() types.UID
}

// newConverter reads a definition. The converter holds its share of a webhook's connections until it is closed: close
// the one of the old definition after the one of the new is made, and they are kept.
func newConverter(crd *v1.CustomResourceDefinition, hooks *webhooks) (*converter, error) {
	c := &converter{name: crd.Name, group: crd.Spec.Group, newUID: hooks.newUID}
	for _, v := range crd.Spec.Versions {
		c.versions = append(c.versions, crd.Spec.Group+"/"+v.Name)
	}
	conv := crd.Spec.Conversion
	if conv == nil || conv.Strategy == v1.NoneConverter {
		return c, nil
	}
	if conv.Strategy != v1.WebhookConverter || conv.Webhook == nil || conv.Webhook.ClientConfig == nil {
		return nil, fmt.Errorf("unknown conversion strategy %q for CRD %s", conv.Strategy, crd.Name)
	}
	known := func(v string) bool {
		return v == v1.SchemeGroupVersion.Version || v == v1beta1.SchemeGroupVersion.Version
	}
	if i := slices.IndexFunc(conv.Webhook.ConversionReviewVersions, known); i >= 0 {
		c.review = conv.Webhook.ConversionReviewVersions[i]
	}
	var err error
	c.hook, err = hooks.open("conversion_webhook_for_"+crd.Name, conv.Webhook.ClientConfig)
	return c, err
}

// remote says whether converting leaves the process.
func (c *converter) remote() bool { return c.hook != nil }

// Close gives the converter's connections back. Conversions that are under way end as they would have.
func (c *converter) Close() {
	if c.hook != nil {
		c.hook.close()
	}
}

// Convert is resource.Version.Convert. The objects are the converter's from then on; those that come back are in the
// order of those that came.
func (c *converter) Convert(ctx context.Context, objs []object.Object, to string) ([]object.Object, error) {
	if !slices.Contains(c.versions, to) {
		return nil, fmt.Errorf("request to convert CR to an invalid group/version: %s", to)
	}
	var send []int
	for i, o := range objs {
		u, ok := o.(*unstructured.Unstructured)
		if !ok {
			return nil, fmt.Errorf("input type %T in not valid for unstructured conversion to %T", o, u)
		}
		from := u.GetAPIVersion()
		if !slices.Contains(c.versions, from) {
			return nil, fmt.Errorf("request to convert CR from an invalid group/version: %s", from)
		}
		switch {
		case from == to:
		case c.hook == nil || isEmpty(u):
			u.Object["apiVersion"] = to
		default:
			send = append(send, i)
		}
	}
	if len(send) == 0 {
		return objs, nil
	}
	in := make([]*unstructured.Unstructured, len(send))
	for i, at := range send {
		in[i] = objs[at].(*unstructured.Unstructured)
	}
	out, err := c.ask(ctx, in, to)
	if err != nil {
		return nil, err
	}
	for i, at := range send {
		objs[at] = out[i]
	}
	return objs, nil
}

// isEmpty says whether nothing but a kind is known of the object: what a webhook has no say in.
func isEmpty(u *unstructured.Unstructured) bool {
	_, kind := u.Object["kind"]
	_, version := u.Object["apiVersion"]
	return len(u.Object) == 2 && kind && version
}

// The ways in which calls of webhooks fail, as they are counted.
const (
	callFailure      = "conversion_webhook_call_failure"
	malformedFailure = "conversion_webhook_malformed_response_failure"
	partialFailure   = "conversion_webhook_partial_response_failure"
	invalidFailure   = "conversion_webhook_invalid_converted_object_failure"
)

// ask has the webhook convert objects, all of them in one review, and counts that.
func (c *converter) ask(ctx context.Context, in []*unstructured.Unstructured, to string) ([]*unstructured.Unstructured, error) {
	from, began := in[0].GroupVersionKind().Version, time.Now()
	out, failure, err := c.call(ctx, in, to)
	if m := c.hook.all.metrics; m != nil {
		took := time.Since(began)
		if err == nil || failure != "" {
			m.ConversionWebhook(failure, took)
		}
		m.Conversion(c.name, from, to[strings.LastIndexByte(to, '/')+1:], err == nil, took)
	}
	return out, err
}

// call is one call of the webhook. failure is empty where it was not called.
func (c *converter) call(ctx context.Context, in []*unstructured.Unstructured, to string) (out []*unstructured.Unstructured, failure string, err error) {
	if c.review == "" {
		return nil, "", errors.New("no supported conversion review versions")
	}
	kind := in[0].GroupVersionKind()
	uid := c.newUID()
	body, err := c.request(in, to, uid)
	if err != nil {
		return nil, "", err
	}
	failed := func(failure string, err error) ([]*unstructured.Unstructured, string, error) {
		return nil, failure, fmt.Errorf("conversion webhook for %v failed: %v", kind, err)
	}
	answer, err := c.hook.post(ctx, body)
	if err != nil {
		return failed(callFailure, err)
	}
	got, err := answer.review(schema.GroupVersion{Group: v1.GroupName, Version: c.review})
	if err != nil {
		return failed(callFailure, err)
	}
	raw, err := c.response(got, uid)
	if err != nil {
		return failed(malformedFailure, err)
	}
	if len(raw) != len(in) {
		return nil, partialFailure, fmt.Errorf("conversion webhook for %v returned %d objects, expected %d", kind, len(raw), len(in))
	}
	if out, err = accept(kind, in, raw, to); err != nil {
		return nil, invalidFailure, err
	}
	return out, "", nil
}

// request writes the review. What is stored holds no resourceVersion yet, or no longer: webhooks do not see it.
func (c *converter) request(in []*unstructured.Unstructured, to string, uid types.UID) ([]byte, error) {
	b := fmt.Appendf(nil, `{"kind":"ConversionReview","apiVersion":"%s/%s","request":{"uid":%q,"desiredAPIVersion":%q,"objects":[`,
		v1.GroupName, c.review, uid, to)
	for i, u := range in {
		if i > 0 {
			b = append(b, ',')
		}
		rv := u.GetResourceVersion()
		u.SetResourceVersion("")
		var err error
		codec := object.Codec{Kind: u.GroupVersionKind()}
		if b, err = codec.Append(b, object.JSON, u); err != nil {
			return nil, err
		}
		if rv != "" {
			u.SetResourceVersion(rv)
		}
	}
	return append(b, `]},"response":{"uid":"","convertedObjects":null,"result":{"metadata":{}}}}`+"\n"...), nil
}

// review is a ConversionReview that came back, of either version.
type review struct {
	metav1.TypeMeta `json:",inline"`
	Response        *struct {
		UID     types.UID         `json:"uid"`
		Objects []json.RawMessage `json:"convertedObjects"`
		Result  metav1.Status     `json:"result"`
	} `json:"response"`
}

// response checks an answer, and takes the objects out of it.
func (c *converter) response(got *review, uid types.UID) ([]json.RawMessage, error) {
	r, strict := got.Response, c.review == v1.SchemeGroupVersion.Version // v1beta1 has never said whom it answers
	want := v1.SchemeGroupVersion.WithKind("ConversionReview")
	switch {
	case strict && got.GroupVersionKind() != want:
		return nil, fmt.Errorf("expected webhook response of %v, got %v", want, got.GroupVersionKind())
	case r == nil:
		return nil, errors.New("no response provided")
	case strict && r.UID != uid:
		return nil, fmt.Errorf("expected response.uid=%q, got %q", uid, r.UID)
	case r.Result.Status != metav1.StatusSuccess && r.Result.Message != "":
		return nil, errors.New(r.Result.Message)
	case r.Result.Status != metav1.StatusSuccess:
		return nil, fmt.Errorf("response.result.status was '%s', not 'Success'", r.Result.Status)
	}
	return r.Objects, nil
}

// accept takes over what a webhook has made of the objects: their own metadata stays, but for labels and annotations. The
// words are those for one object even where there are many: the reference reads lists object by object, so it is what
// its clients see.
func accept(kind schema.GroupVersionKind, in []*unstructured.Unstructured, raw []json.RawMessage, to string) ([]*unstructured.Unstructured, error) {
	gv, err := schema.ParseGroupVersion(to)
	if err != nil {
		return nil, err
	}
	out := make([]*unstructured.Unstructured, len(in))
	for i, b := range raw {
		u, err := decodeConverted(b, gv.WithKind(kind.Kind))
		if err != nil {
			return nil, err
		}
		if err := sameKind(u, gv, in[i].GetKind()); err != nil {
			return nil, fmt.Errorf("conversion webhook for %v returned invalid object at index 0: %v", kind, err)
		}
		if err := sameIdentity(in[i], u); err != nil {
			return nil, fmt.Errorf("conversion webhook for %v returned invalid object: %v", kind, err)
		}
		if err := keepMetadata(in[i], u); err != nil {
			return nil, fmt.Errorf("conversion webhook for %v returned invalid metadata: %v", kind, err)
		}
		out[i] = u
	}
	return out, nil
}

// decodeConverted reads an object. What is wrong with it is said by the library.
func decodeConverted(b []byte, want schema.GroupVersionKind) (*unstructured.Unstructured, error) {
	codec := object.Codec{Kind: want}
	if obj, _, err := codec.Decode(object.JSON, b, false); err == nil {
		return obj.(*unstructured.Unstructured), nil
	}
	if string(b) == "null" {
		b = nil
	}
	u := &unstructured.Unstructured{}
	err := u.UnmarshalJSON(b)
	return u, err
}

func sameKind(u *unstructured.Unstructured, gv schema.GroupVersion, kind string) error {
	got := u.GroupVersionKind()
	switch {
	case got.GroupVersion() != gv:
		return fmt.Errorf("invalid groupVersion (expected %v, received %v)", gv, got.GroupVersion())
	case got.Kind != kind:
		return fmt.Errorf("invalid kind (expected %v, received %v)", kind, got.Kind)
	}
	return nil
}

func sameIdentity(in, out *unstructured.Unstructured) error {
	switch {
	case in.GetName() != out.GetName():
		return fmt.Errorf("must have the same name: %v != %v", in.GetName(), out.GetName())
	case in.GetNamespace() != out.GetNamespace():
		return fmt.Errorf("must have the same namespace: %v != %v", in.GetNamespace(), out.GetNamespace())
	case in.GetUID() != out.GetUID():
		return fmt.Errorf("must have the same UID: %v != %v", in.GetUID(), out.GetUID())
	}
	return nil
}

// keepMetadata gives out the metadata of in, with the labels and annotations that out has.
func keepMetadata(in, out *unstructured.Unstructured) error {
	came, found := out.Object["metadata"]
	if !found {
		return errors.New("missing metadata in converted object")
	}
	meta, ok := came.(map[string]any)
	if !ok {
		return fmt.Errorf("invalid metadata of type %T in converted object", came)
	}
	kept := map[string]any{}
	if own, found := in.Object["metadata"]; found {
		if kept, ok = own.(map[string]any); !ok {
			return fmt.Errorf("invalid metadata of type %T in input object", own)
		}
	}
	for _, name := range []string{"labels", "annotations"} {
		value := meta[name]
		if value == nil {
			delete(kept, name)
			continue
		}
		texts, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("invalid metadata.%s of type %T in converted object", name, value)
		}
		before, ok := kept[name].(map[string]any)
		if !ok && kept[name] != nil {
			return fmt.Errorf("invalid metadata.%s of type %T in original object", name, kept[name])
		}
		if err := checkTexts(name, before, texts); err != nil {
			return err
		}
		kept[name] = texts
	}
	out.Object["metadata"] = kept
	return nil
}

// checkTexts looks at labels or annotations, unless they are as they were.
func checkTexts(name string, before, after map[string]any) error {
	same := len(before) == len(after)
	texts := make(map[string]string, len(after))
	for k, v := range after {
		s, ok := v.(string)
		if !ok {
			return fmt.Errorf("metadata.%s[%s] must be a string, but is %T in converted object", name, k, v)
		}
		same = same && before[k] == v
		texts[k] = s
	}
	if same {
		return nil
	}
	var errs field.ErrorList
	if name == "labels" {
		errs = metav1validation.ValidateLabels(texts, field.NewPath("metadata", "labels"))
	} else {
		errs = validation.ValidateAnnotations(texts, field.NewPath("metadata", "annotation"))
	}
	return errs.ToAggregate()
}
