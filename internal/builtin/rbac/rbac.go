// Package rbac describes the kinds of the group rbac.authorization.k8s.io.
//
// Concurrency: hooks keep no state.
package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// Resources lists the kinds.
func Resources(resource.Deps) describe.Kinds {
	clusterBinding := kind[rbacv1.ClusterRoleBinding]("clusterrolebindings", "ClusterRoleBinding", true)
	clusterBinding.Versions[0].Default = func(o object.Object) {
		b := o.(*rbacv1.ClusterRoleBinding)
		addGroups(&b.RoleRef, b.Subjects)
	}
	binding := kind[rbacv1.RoleBinding]("rolebindings", "RoleBinding", false)
	binding.Versions[0].Default = func(o object.Object) {
		b := o.(*rbacv1.RoleBinding)
		addGroups(&b.RoleRef, b.Subjects)
	}
	return describe.Kinds{
		clusterBinding, kind[rbacv1.ClusterRole]("clusterroles", "ClusterRole", true),
		binding, kind[rbacv1.Role]("roles", "Role", false),
	}
}

// addGroups fills in the group of what a binding ties together: this one, but for service accounts.
func addGroups(role *rbacv1.RoleRef, subjects []rbacv1.Subject) {
	if role.APIGroup == "" {
		role.APIGroup = rbacv1.GroupName
	}
	for i := range subjects {
		if s := &subjects[i]; s.APIGroup == "" && (s.Kind == rbacv1.UserKind || s.Kind == rbacv1.GroupKind) {
			s.APIGroup = rbacv1.GroupName
		}
	}
}

func kind[T any, P interface {
	*T
	object.Object
}](plural, name string, cluster bool) *resource.Resource {
	return describe.Kind{
		Plural: plural, Kind: name, Cluster: cluster, CreateOnUpdate: true,
		Versions: []resource.Version{describe.Version[T, P]("rbac.authorization.k8s.io", "v1")},
		Rules:    resource.Rules{ValidateName: validateName},
	}.Resource()
}

// validateName allows what may stand in a URL's path: system:node, for one.
func validateName(name string, _ bool) []string { return content.IsPathSegmentName(name) }
