package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/patch"
	"github.com/pintle-io/pintle/internal/request"
	pschema "github.com/pintle-io/pintle/internal/schema"
)

// Patch changes the object as p says. An apply creates what is not there. Errors: 404; 400 for a patch that can't be
// read, 422 for one that can't be done or leads to something invalid; 409 for an apply that wants what others
// have, or when the patch names a resourceVersion that is not the object's.
func (e *Engine) Patch(ctx context.Context, req *request.Request, t Target, p Patch, o metav1.PatchOptions) (Result, error) {
	apply := p.Type == types.ApplyYAMLPatchType || p.Type == types.ApplyCBORPatchType
	dryRun := len(o.DryRun) > 0
	if t.Sub != nil && t.Sub.Do != nil {
		return e.patchSub(ctx, req, t, p, o)
	}
	m := &mutation{t: t, req: req, dryRun: dryRun, mayCreate: apply && t.Sub == nil, unpruned: apply}
	m.change = func(ctx context.Context, old object.Object) (obj object.Object, err error) {
		if apply {
			obj, err = e.apply(t, req, old, p, o)
		} else if obj, err = e.patched(t.Version.Codec, t, req, old, p, o.FieldValidation); err == nil {
			setDefaults(t, obj)
			e.track(t, old, obj, req, o.FieldManager)
		}
		if err != nil {
			return nil, err
		}
		if old == nil && obj.GetUID() != "" {
			return nil, apierrors.NewConflict(t.GR(), t.Name, fmt.Errorf("uid mismatch: the provided object specified uid %s, and no existing object was found", obj.GetUID()))
		}
		if err := matchNamespace(t, obj); err != nil {
			return nil, err
		}
		return obj, matchName(t, obj)
	}
	return e.write(ctx, m)
}

// matchName refuses an object that is not called as the URL says.
func matchName(t Target, obj object.Object) error {
	switch obj.GetName() {
	case t.Name:
		return nil
	case "":
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s based on URL) was undeterminable: name must be provided", t.Name))
	}
	return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", obj.GetName(), t.Name))
}

// patched is old with a JSON, merge or strategic merge patch applied. The codec says what kind old is: the
// target's, or that of a subresource.
func (e *Engine) patched(codec *object.Codec, t Target, req *request.Request, old object.Object, p Patch, validation string) (object.Object, error) {
	if p.Type == types.StrategicMergePatchType {
		return e.strategic(codec, t, req, old, p.Data, validation)
	}
	if p.Type == types.MergePatchType {
		if obj, ok := e.Tracker.MergeObject(old, p.Data); ok {
			if f := t.Version.Prune; f == nil || codec != t.Version.Codec {
				return obj, nil
			} else if unknown, err := f(obj, checks(validation)); err == nil && len(unknown) == 0 {
				return obj, nil
			}
		}
	}
	doc, err := codec.Append(nil, object.JSON, old)
	if err != nil {
		return nil, err
	}
	strict := checks(validation)
	var found []string
	var out []byte
	switch p.Type {
	case types.JSONPatchType:
		out, found, err = patch.JSON(doc, p.Data, strict)
	case types.MergePatchType:
		out, found, err = patch.Merge(doc, p.Data, strict)
	default:
		err = fmt.Errorf("unknown Content-Type header for patch: %v", p.Type)
	}
	if err != nil {
		return nil, err
	}
	if apiVersion, _, err := object.DecodeKind(object.JSON, out); codec.New != nil && err == nil && apiVersion == "" {
		return nil, e.versionless(t, req, out, found, validation)
	}
	obj, more, err := codec.Decode(object.JSON, out, strict)
	if err != nil {
		return nil, invalidPatch(string(out), err.Error())
	}
	return obj, e.prune(codec, t, req, obj, append(found, more...), string(out), validation)
}

// prune drops what the target's schema does not know from a patched object, and reports it with what was found before.
// shown is what a refusal shows of the patch.
func (e *Engine) prune(codec *object.Codec, t Target, req *request.Request, obj object.Object, found []string, shown, validation string) error {
	if f := t.Version.Prune; f != nil && codec == t.Version.Codec {
		unknown, err := f(obj, checks(validation))
		if err != nil {
			return invalidPatch(shown, err.Error())
		}
		found = append(found, unknown...)
	}
	return report(req, shown, found, validation)
}

// versionless refuses a patch that leaves no apiVersion. The reference reads what is left as its internal version,
// which has nothing under the names of any other version: so there is no name.
func (e *Engine) versionless(t Target, req *request.Request, doc []byte, found []string, validation string) error {
	if checks(validation) {
		fields := map[string]json.RawMessage{}
		if err := json.Unmarshal(doc, &fields); err != nil {
			return invalidPatch(string(doc), err.Error())
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if name != "kind" && name != "apiVersion" {
				found = append(found, fmt.Sprintf("unknown field %q", name))
			}
		}
	}
	if err := report(req, string(doc), found, validation); err != nil {
		return err
	}
	return matchName(t, t.Version.Codec.NewObject())
}

func (e *Engine) strategic(codec *object.Codec, t Target, req *request.Request, old object.Object, data []byte, validation string) (object.Object, error) {
	config := map[string]any{}
	strict := checks(validation)
	var found []string
	if errs, err := kjson.UnmarshalStrict(data, &config); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	} else if strict {
		found = texts(errs)
	}
	shown := fmt.Sprintf("%+v", config)
	out, err := patch.Strategic(old, e.Tracker.Tree(old), config)
	if err != nil {
		return nil, err
	}
	obj := codec.NewObject()
	err = runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(out, obj, strict)
	if err != nil {
		bad, ok := runtime.AsStrictDecodingError(err)
		if !ok {
			return nil, invalidPatch(shown, err.Error())
		}
		found = append(found, texts(bad.Errors())...)
	}
	return obj, report(req, shown, found, validation)
}

// apply is old with an applied configuration merged into it.
func (e *Engine) apply(t Target, req *request.Request, old object.Object, p Patch, o metav1.PatchOptions) (object.Object, error) {
	if old == nil {
		old = t.Version.Codec.NewObject()
		old.GetObjectKind().SetGroupVersionKind(t.Kind())
	}
	return e.merged(t.Version.Schema(), manager(t, req, o.FieldManager), req, old, p, o, resetOf(t), e.converter(t), t.Version.Default)
}

// merged is apply for any kind: it has a schema and defaults, and a manager says who applies in which version.
func (e *Engine) merged(s *pschema.Schema, m patch.Manager, req *request.Request, old object.Object, p Patch, o metav1.PatchOptions,
	reset pschema.Paths, conv patch.Converter, defaults func(object.Object)) (object.Object, error) {
	config, found, err := decodeApply(p, checks(o.FieldValidation))
	if err != nil {
		return nil, err
	}
	obj, err := e.Tracker.Apply(s, old, config, m, o.Force != nil && *o.Force, reset, conv, defaults)
	if err != nil {
		return nil, err
	}
	if found != nil {
		if o.FieldValidation == metav1.FieldValidationStrict {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("error strict decoding YAML: %v", found))
		}
		warnOfYAML(req, found)
	}
	return obj, nil
}

// warnOfYAML warns of each finding of a strict YAML decoder, which tells them all in one text.
func warnOfYAML(req *request.Request, found error) {
	_, list, ok := strings.Cut(found.Error(), "yaml: unmarshal errors:\n")
	if !ok {
		req.Warn(found.Error())
		return
	}
	for line := range strings.Lines(list) {
		req.Warn(strings.TrimSpace(line))
	}
}

// decodeApply reads an applied configuration. found is what strict decoding has to say. A body that is JSON, which
// is also YAML, and has nothing to complain about is spared the YAML parser, which costs more than the rest of an apply.
func decodeApply(p Patch, strict bool) (config map[string]any, found, err error) {
	bad := func(err error) error { return apierrors.NewBadRequest(fmt.Sprintf("error decoding YAML: %v", err)) }
	if p.Type == types.ApplyCBORPatchType {
		if err := direct.Unmarshal(p.Data, &config); err != nil {
			return nil, nil, bad(err)
		}
		return config, nil, nil
	}
	if errs, err := kjson.UnmarshalStrict(p.Data, &config, kjson.DisallowDuplicateFields); err == nil && len(errs) == 0 && config != nil {
		return config, nil, nil
	}
	data, err := yaml.YAMLToJSON(p.Data)
	if err != nil {
		return nil, nil, bad(fmt.Errorf("error converting YAML to JSON: %w", err))
	}
	config = map[string]any{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, &config); err != nil {
		return nil, nil, bad(err)
	}
	if strict {
		found = yaml.UnmarshalStrict(p.Data, &map[string]any{})
	}
	return config, found, nil
}

func checks(validation string) bool {
	return validation == metav1.FieldValidationStrict || validation == metav1.FieldValidationWarn
}

// report warns of what strict decoding found, or refuses it.
func report(req *request.Request, shown string, found []string, validation string) error {
	if len(found) == 0 {
		return nil
	}
	if validation == metav1.FieldValidationWarn {
		for _, f := range found {
			req.Warn(f)
		}
		return nil
	}
	return invalidPatch(shown, "strict decoding error: "+strings.Join(found, ", "))
}

func invalidPatch(shown, text string) error {
	return apierrors.NewInvalid(schema.GroupKind{}, "", field.ErrorList{field.Invalid(field.NewPath("patch"), shown, text)})
}

func texts(errs []error) []string {
	var out []string
	for _, e := range errs {
		out = append(out, e.Error())
	}
	return out
}
