package rest

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	listvalidation "k8s.io/apimachinery/pkg/apis/meta/internalversion/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/object"
)

func invalidOptions(kind string, errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: metav1.GroupName, Kind: kind}, "", errs)
}

func (c *call) createOptions() (o metav1.CreateOptions, err error) {
	if q := c.query(); q != nil {
		if err := metav1.Convert_url_Values_To_v1_CreateOptions(&q, &o, nil); err != nil {
			return o, apierrors.NewBadRequest(err.Error())
		}
		if err := invalidOptions("CreateOptions", validation.ValidateCreateOptions(&o)); err != nil {
			return o, err
		}
	}
	c.writing(&o.FieldManager, &o.FieldValidation, o.DryRun)
	return o, nil
}

func (c *call) updateOptions() (o metav1.UpdateOptions, err error) {
	if q := c.query(); q != nil {
		if err := metav1.Convert_url_Values_To_v1_UpdateOptions(&q, &o, nil); err != nil {
			return o, apierrors.NewBadRequest(err.Error())
		}
		if err := invalidOptions("UpdateOptions", validation.ValidateUpdateOptions(&o)); err != nil {
			return o, err
		}
	}
	c.writing(&o.FieldManager, &o.FieldValidation, o.DryRun)
	return o, nil
}

func (c *call) patchOptions(t types.PatchType) (o metav1.PatchOptions, err error) {
	if q := c.query(); q != nil {
		if err := metav1.Convert_url_Values_To_v1_PatchOptions(&q, &o, nil); err != nil {
			return o, apierrors.NewBadRequest(err.Error())
		}
	}
	if err := invalidOptions("PatchOptions", validation.ValidatePatchOptions(&o, t)); err != nil {
		return o, err
	}
	c.writing(&o.FieldManager, &o.FieldValidation, o.DryRun)
	return o, nil
}

// writing fills in what a write's options leave out: the field manager is the client's name, bad fields are warned of.
func (c *call) writing(manager, fieldValidation *string, dryRun []string) {
	if *manager == "" {
		*manager = managerOf(c.req.UserAgent)
	}
	c.writes, c.validation = true, *fieldValidation
	if *fieldValidation == "" {
		*fieldValidation = metav1.FieldValidationWarn
	}
	if len(dryRun) > 0 {
		c.dryRun = "All"
	}
}

// managerOf is the part of a user agent before the slash, printable, and cut to what a field manager may be.
func managerOf(userAgent string) string {
	name, _, _ := strings.Cut(userAgent, "/")
	plain := len(name) <= validation.FieldManagerMaxLength
	for i := 0; plain && i < len(name); i++ {
		plain = name[i] >= ' ' && name[i] < 0x7f
	}
	if plain {
		return name
	}
	var b strings.Builder
	for _, r := range name {
		if !unicode.IsPrint(r) {
			continue
		}
		if b.Len()+utf8.RuneLen(r) > validation.FieldManagerMaxLength {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}

var deleteOptionsKind = metav1.SchemeGroupVersion.WithKind("DeleteOptions")

// deleteOptions come in the body, or, when there is none, in the query.
func (c *call) deleteOptions() (*metav1.DeleteOptions, error) {
	o := &metav1.DeleteOptions{}
	body, err := c.body("delete")
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		e, err := bodyEncoding(c.r.Header.Get("Content-Type"), false)
		if err != nil {
			return nil, err
		}
		if err := decodeDeleteOptions(e, body, o); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
	} else if q := c.query(); q != nil {
		if err := metav1.Convert_url_Values_To_v1_DeleteOptions(&q, o, nil); err != nil {
			return nil, apierrors.NewBadRequest(err.Error())
		}
	}
	o.IgnoreStoreReadErrorWithClusterBreakingPotential = nil
	if err := invalidOptions("DeleteOptions", validation.ValidateDeleteOptions(o)); err != nil {
		return nil, err
	}
	if len(o.DryRun) > 0 {
		c.dryRun = "All"
	}
	return o, nil
}

// decodeDeleteOptions takes DeleteOptions of any group and version, as clients send them.
func decodeDeleteOptions(e object.Encoding, body []byte, o *metav1.DeleteOptions) error {
	kind := deleteOptionsKind
	if apiVersion, name, err := object.DecodeKind(e, body); err == nil && name == kind.Kind && apiVersion != "" {
		if gv, err := schema.ParseGroupVersion(apiVersion); err == nil {
			kind = gv.WithKind(name)
		}
	}
	_, err := object.DecodeAny(e, body, kind, o, false)
	return err
}

// listOptions are those of a list, watch or deletecollection. single is the name that an old watch path ends with.
func (c *call) listOptions() (o engine.ListOptions, list internalversion.ListOptions, err error) {
	in := &c.req.Info
	list.Watch = in.Verb == "watch"
	if q := c.query(); q != nil {
		var v1 metav1.ListOptions
		if err := metav1.Convert_url_Values_To_v1_ListOptions(&q, &v1, nil); err != nil {
			return o, list, apierrors.NewBadRequest(err.Error())
		}
		list = internalversion.ListOptions{Watch: v1.Watch || in.Special == "watch", AllowWatchBookmarks: v1.AllowWatchBookmarks,
			ResourceVersion: v1.ResourceVersion, ResourceVersionMatch: v1.ResourceVersionMatch, TimeoutSeconds: v1.TimeoutSeconds,
			Limit: v1.Limit, Continue: v1.Continue, SendInitialEvents: v1.SendInitialEvents}
		if v1.LabelSelector != "" {
			if list.LabelSelector, err = labels.Parse(v1.LabelSelector); err != nil {
				return o, list, apierrors.NewBadRequest(err.Error())
			}
		}
		if v1.FieldSelector != "" {
			if list.FieldSelector, err = fields.ParseSelector(v1.FieldSelector); err != nil {
				return o, list, apierrors.NewBadRequest(err.Error())
			}
		}
	}
	internalversion.SetListOptionsDefaults(&list, true)
	if err := invalidOptions("ListOptions", listvalidation.ValidateListOptions(&list, true)); err != nil {
		return o, list, err
	}
	if list.FieldSelector != nil {
		for _, r := range list.FieldSelector.Requirements() {
			if err := c.t.Resource.CheckField(c.t.Version, r.Field); err != nil {
				return o, list, apierrors.NewBadRequest(err.Error())
			}
		}
	}
	if name := in.Name; name != "" && in.Verb != "deletecollection" {
		if list.FieldSelector != nil && !list.FieldSelector.Empty() {
			if selected, ok := list.FieldSelector.RequiresExactMatch("metadata.name"); !ok || selected != name {
				return o, list, apierrors.NewBadRequest("fieldSelector metadata.name doesn't match requested name")
			}
		} else {
			list.FieldSelector = fields.OneTermEqualSelector("metadata.name", name)
		}
	}
	return engine.ListOptions{Labels: list.LabelSelector, Fields: list.FieldSelector, Limit: list.Limit, Continue: list.Continue,
		ResourceVersion: list.ResourceVersion, Match: list.ResourceVersionMatch, SendInitialEvents: list.SendInitialEvents,
		AllowWatchBookmarks: list.AllowWatchBookmarks}, list, nil
}

// checkName refuses a body that names another object than the URL does.
func checkName(obj object.Object, name string) error {
	switch got := obj.GetName(); got {
	case name:
		return nil
	case "":
		return apierrors.NewBadRequest("the name of the object (" + name + " based on URL) was undeterminable: name must be provided")
	default:
		return apierrors.NewBadRequest("the name of the object (" + got + ") does not match the name on the URL (" + name + ")")
	}
}

// badExport refuses what old clients asked for.
func badExport(r *http.Request, values []string) error {
	if len(values) == 0 || values[0] == "0" || strings.EqualFold(values[0], "false") {
		return nil
	}
	return apierrors.NewBadRequest("the export parameter, deprecated since v1.14, is no longer supported")
}
