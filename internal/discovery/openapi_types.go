package discovery

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	admissionregistrationv1alpha1 "k8s.io/api/admissionregistration/v1alpha1"
	admissionregistrationv1beta1 "k8s.io/api/admissionregistration/v1beta1"
	apiserverinternalv1alpha1 "k8s.io/api/apiserverinternal/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	certificatesv1alpha1 "k8s.io/api/certificates/v1alpha1"
	certificatesv1beta1 "k8s.io/api/certificates/v1beta1"
	coordinationv1 "k8s.io/api/coordination/v1"
	coordinationv1alpha2 "k8s.io/api/coordination/v1alpha2"
	coordinationv1beta1 "k8s.io/api/coordination/v1beta1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	networkingv1 "k8s.io/api/networking/v1"
	networkingv1beta1 "k8s.io/api/networking/v1beta1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"
	resourcev1alpha3 "k8s.io/api/resource/v1alpha3"
	resourcev1beta1 "k8s.io/api/resource/v1beta1"
	resourcev1beta2 "k8s.io/api/resource/v1beta2"
	schedulingv1 "k8s.io/api/scheduling/v1"
	schedulingv1alpha2 "k8s.io/api/scheduling/v1alpha2"
	storagev1 "k8s.io/api/storage/v1"
	storagev1beta1 "k8s.io/api/storage/v1beta1"
	storagemigrationv1beta1 "k8s.io/api/storagemigration/v1beta1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

type registrar struct {
	gv  schema.GroupVersion
	add func(*runtime.Scheme) error
}

// registrars add the Go types of the built-in groups and versions to a scheme.
var registrars = []registrar{
	{admissionregistrationv1.SchemeGroupVersion, admissionregistrationv1.AddToScheme},
	{admissionregistrationv1alpha1.SchemeGroupVersion, admissionregistrationv1alpha1.AddToScheme},
	{admissionregistrationv1beta1.SchemeGroupVersion, admissionregistrationv1beta1.AddToScheme},
	{apiextensionsv1.SchemeGroupVersion, apiextensionsv1.AddToScheme},
	{apiregistrationv1.SchemeGroupVersion, apiregistrationv1.AddToScheme},
	{apiserverinternalv1alpha1.SchemeGroupVersion, apiserverinternalv1alpha1.AddToScheme},
	{appsv1.SchemeGroupVersion, appsv1.AddToScheme},
	{authenticationv1.SchemeGroupVersion, authenticationv1.AddToScheme},
	{authorizationv1.SchemeGroupVersion, authorizationv1.AddToScheme},
	{autoscalingv1.SchemeGroupVersion, autoscalingv1.AddToScheme},
	{autoscalingv2.SchemeGroupVersion, autoscalingv2.AddToScheme},
	{batchv1.SchemeGroupVersion, batchv1.AddToScheme},
	{certificatesv1.SchemeGroupVersion, certificatesv1.AddToScheme},
	{certificatesv1alpha1.SchemeGroupVersion, certificatesv1alpha1.AddToScheme},
	{certificatesv1beta1.SchemeGroupVersion, certificatesv1beta1.AddToScheme},
	{coordinationv1.SchemeGroupVersion, coordinationv1.AddToScheme},
	{coordinationv1alpha2.SchemeGroupVersion, coordinationv1alpha2.AddToScheme},
	{coordinationv1beta1.SchemeGroupVersion, coordinationv1beta1.AddToScheme},
	{corev1.SchemeGroupVersion, corev1.AddToScheme},
	{discoveryv1.SchemeGroupVersion, discoveryv1.AddToScheme},
	{eventsv1.SchemeGroupVersion, eventsv1.AddToScheme},
	{flowcontrolv1.SchemeGroupVersion, flowcontrolv1.AddToScheme},
	{networkingv1.SchemeGroupVersion, networkingv1.AddToScheme},
	{networkingv1beta1.SchemeGroupVersion, networkingv1beta1.AddToScheme},
	{nodev1.SchemeGroupVersion, nodev1.AddToScheme},
	{policyv1.SchemeGroupVersion, policyv1.AddToScheme},
	{rbacv1.SchemeGroupVersion, rbacv1.AddToScheme},
	{resourcev1.SchemeGroupVersion, resourcev1.AddToScheme},
	{resourcev1alpha3.SchemeGroupVersion, resourcev1alpha3.AddToScheme},
	{resourcev1beta1.SchemeGroupVersion, resourcev1beta1.AddToScheme},
	{resourcev1beta2.SchemeGroupVersion, resourcev1beta2.AddToScheme},
	{schedulingv1.SchemeGroupVersion, schedulingv1.AddToScheme},
	{schedulingv1alpha2.SchemeGroupVersion, schedulingv1alpha2.AddToScheme},
	{storagemigrationv1beta1.SchemeGroupVersion, storagemigrationv1beta1.AddToScheme},
	{storagev1.SchemeGroupVersion, storagev1.AddToScheme},
	{storagev1beta1.SchemeGroupVersion, storagev1beta1.AddToScheme},
}

// register adds those of one group and version, if it has any.
func register(gv schema.GroupVersion, s *runtime.Scheme) error {
	for _, r := range registrars {
		if r.gv == gv {
			return r.add(s)
		}
	}
	return nil
}

// goTypes are the Go types that a group and version's document may tell of: by kind, and by component.
type goTypes struct {
	kinds      map[string]reflect.Type
	components map[string]reflect.Type
}

func typesOf(gv schema.GroupVersion) (goTypes, error) {
	if !slices.ContainsFunc(registrars, func(r registrar) bool { return r.gv == gv }) {
		return commonTypes()
	}
	return collectTypes(gv)
}

// commonTypes are those of every document.
var commonTypes = sync.OnceValues(func() (goTypes, error) { return collectTypes(schema.GroupVersion{}) })

func collectTypes(gv schema.GroupVersion) (goTypes, error) {
	s := runtime.NewScheme()
	if err := register(gv, s); err != nil {
		return goTypes{}, err
	}
	t := goTypes{kinds: s.KnownTypes(gv), components: map[string]reflect.Type{}}
	for _, k := range t.kinds {
		t.walk(k)
	}
	for _, v := range []any{
		// Of every document.
		metav1.APIResourceList{}, metav1.APIVersions{}, metav1.APIGroup{}, metav1.APIGroupList{}, metav1.DeleteOptions{}, metav1.Status{}, metav1.Patch{}, version.Info{},
		// Of subresources that belong to another group.
		autoscalingv1.Scale{}, policyv1.Eviction{}, authenticationv1.TokenRequest{},
	} {
		t.walk(reflect.TypeOf(v))
	}
	return t, nil
}

func (t *goTypes) walk(r reflect.Type) {
	switch r.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		t.walk(r.Elem())
		return
	case reflect.Struct:
	default:
		return
	}
	if m, ok := reflect.Zero(r).Interface().(interface{ OpenAPIModelName() string }); ok {
		if t.components[m.OpenAPIModelName()] != nil {
			return
		}
		t.components[m.OpenAPIModelName()] = r
	}
	for i := range r.NumField() {
		t.walk(r.Field(i).Type)
	}
}

// typeDoc is what a Go type says of itself (under "") and of its fields by JSON name.
func typeDoc(t reflect.Type) map[string]string {
	if t == nil {
		return nil
	}
	if d, ok := reflect.Zero(t).Interface().(interface{ SwaggerDoc() map[string]string }); ok {
		return d.SwaggerDoc()
	}
	return nil
}

// fieldDocs is typeDoc with the fields of embedded structs.
func fieldDocs(t reflect.Type) map[string]string {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	out := map[string]string{}
	doc := typeDoc(t)
	for i := range t.NumField() {
		f := t.Field(i)
		if name := jsonName(f); name != "" {
			out[name] = doc[name]
			continue
		}
		if f.Anonymous {
			embedded := f.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			for k, v := range fieldDocs(embedded) {
				if out[k] == "" {
					out[k] = v
				}
			}
		}
	}
	return out
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" {
		return ""
	}
	return name
}

// optionParameters are the query parameters that a type of options is sent as: its fields of plain types.
func optionParameters(t reflect.Type) (out []*parameter) {
	doc := typeDoc(t)
	for i := range t.NumField() {
		f := t.Field(i)
		name := jsonName(f)
		if name == "" {
			continue
		}
		typ := f.Type
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		var as string
		switch typ.Kind() {
		case reflect.Bool:
			as = "boolean"
		case reflect.Int, reflect.Int32, reflect.Int64:
			as = "integer"
		case reflect.String:
			as = "string"
		default:
			continue
		}
		out = append(out, queryParameter(name, as, doc[name]))
	}
	return out
}

func queryParameter(name, typ, description string) *parameter {
	return &parameter{Name: name, In: "query", Description: description, Schema: &node{Type: typ, UniqueItems: true}}
}
