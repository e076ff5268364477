package discovery

import (
	"reflect"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// register adds the Go types of a built-in group and version to a scheme, or nothing where there are none.
func register(gv schema.GroupVersion, s *runtime.Scheme) error {
	switch gv {
	case admissionregistrationv1.SchemeGroupVersion:
		return admissionregistrationv1.AddToScheme(s)
	case apiextensionsv1.SchemeGroupVersion:
		return apiextensionsv1.AddToScheme(s)
	case apiregistrationv1.SchemeGroupVersion:
		return apiregistrationv1.AddToScheme(s)
	case appsv1.SchemeGroupVersion:
		return appsv1.AddToScheme(s)
	case authenticationv1.SchemeGroupVersion:
		return authenticationv1.AddToScheme(s)
	case authorizationv1.SchemeGroupVersion:
		return authorizationv1.AddToScheme(s)
	case autoscalingv1.SchemeGroupVersion:
		return autoscalingv1.AddToScheme(s)
	case autoscalingv2.SchemeGroupVersion:
		return autoscalingv2.AddToScheme(s)
	case batchv1.SchemeGroupVersion:
		return batchv1.AddToScheme(s)
	case certificatesv1.SchemeGroupVersion:
		return certificatesv1.AddToScheme(s)
	case coordinationv1.SchemeGroupVersion:
		return coordinationv1.AddToScheme(s)
	case corev1.SchemeGroupVersion:
		return corev1.AddToScheme(s)
	case discoveryv1.SchemeGroupVersion:
		return discoveryv1.AddToScheme(s)
	case eventsv1.SchemeGroupVersion:
		return eventsv1.AddToScheme(s)
	case flowcontrolv1.SchemeGroupVersion:
		return flowcontrolv1.AddToScheme(s)
	case networkingv1.SchemeGroupVersion:
		return networkingv1.AddToScheme(s)
	case nodev1.SchemeGroupVersion:
		return nodev1.AddToScheme(s)
	case policyv1.SchemeGroupVersion:
		return policyv1.AddToScheme(s)
	case rbacv1.SchemeGroupVersion:
		return rbacv1.AddToScheme(s)
	case resourcev1.SchemeGroupVersion:
		return resourcev1.AddToScheme(s)
	case schedulingv1.SchemeGroupVersion:
		return schedulingv1.AddToScheme(s)
	case storagev1.SchemeGroupVersion:
		return storagev1.AddToScheme(s)
	}
	return nil
}

// goTypes are the Go types that a group and version's document may tell of: by kind, and by component.
type goTypes struct {
	kinds      map[string]reflect.Type
	components map[string]reflect.Type
}

func typesOf(gv schema.GroupVersion) (goTypes, error) {
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
