package patch

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"
)

// maxOperations is how many operations a JSON patch may have.
const maxOperations = 10000

// operation is what a JSON patch's operations may say, for strict decoding.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	From  string `json:"from"`
	Value any    `json:"value"`
}

// JSON applies a JSON patch (RFC 6902). When strict, the warnings are the patch's duplicate and unknown fields.
// Errors are for the client.
func JSON(doc, patch []byte, strict bool) (out []byte, warnings []string, err error) {
	defer recovered(&err)
	if strict {
		var ops []operation
		errs, err := kjson.UnmarshalStrict(patch, &ops)
		if err != nil {
			text := strings.ReplaceAll(err.Error(), "patch.operation", "handlers.jsonPatchOp") // the Go type that the reference names
			return nil, nil, apierrors.NewBadRequest("error decoding patch: " + text)
		}
		for _, e := range errs {
			warnings = append(warnings, "json patch "+e.Error())
		}
	}
	p, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return nil, nil, apierrors.NewBadRequest(err.Error())
	}
	if len(p) > maxOperations {
		return nil, nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("The allowed maximum operations in a JSON patch is %d, got %d", maxOperations, len(p)))
	}
	if out, err = p.Apply(doc); err != nil {
		return nil, nil, unprocessable(err)
	}
	return out, warnings, nil
}

// Merge applies a merge patch (RFC 7386). When strict, the warnings are the patch's duplicate fields. Errors are
// for the client.
func Merge(doc, patch []byte, strict bool) (out []byte, warnings []string, err error) {
	defer recovered(&err)
	if strict {
		errs, err := kjson.UnmarshalStrict(patch, &map[string]any{})
		if err != nil {
			return nil, nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding patch: %v", err))
		}
		for _, e := range errs {
			warnings = append(warnings, e.Error())
		}
	}
	out, err = jsonpatch.MergePatch(doc, patch)
	if errors.Is(err, jsonpatch.ErrBadJSONPatch) {
		return nil, nil, apierrors.NewBadRequest(err.Error())
	}
	return out, warnings, err
}

// unprocessable is the 422 of a patch that is well-formed and can't be applied.
func unprocessable(err error) error {
	return apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", err.Error(), 0, false)
}

// recovered answers for a library that panics on what a client sent.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("patch cannot be applied: %v", r)
	}
}
