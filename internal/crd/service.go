package crd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pintle-io/pintle/internal/engine"
	"github.com/pintle-io/pintle/internal/object"
)

// converter reads how a definition's objects are converted. One that cannot be read fails each conversion.
func (m *Manager) converter(d *document) *converter {
	crd := &v1.CustomResourceDefinition{}
	crd.Name, crd.Spec.Group, crd.Spec.Names = d.Metadata.Name, d.Spec.Group, d.Spec.Names
	for _, v := range d.Spec.Versions {
		crd.Spec.Versions = append(crd.Spec.Versions, v1.CustomResourceDefinitionVersion{Name: v.Name, Served: v.Served, Storage: v.Storage})
	}
	if c := d.Spec.Conversion; c != nil {
		crd.Spec.Conversion = &v1.CustomResourceConversion{Strategy: v1.ConversionStrategyType(c.Strategy)}
		if c.WebhookClientConfig != nil {
			w := &v1.WebhookClientConfig{URL: c.WebhookClientConfig.URL, CABundle: c.WebhookClientConfig.CABundle}
			if s := c.WebhookClientConfig.Service; s != nil {
				w.Service = &v1.ServiceReference{Namespace: s.Namespace, Name: s.Name, Path: s.Path, Port: s.Port}
			}
			crd.Spec.Conversion.Webhook = &v1.WebhookConversion{ClientConfig: w, ConversionReviewVersions: c.ConversionReviewVersions}
		}
	}
	conv, err := newConverter(crd, m.webhooks)
	if err != nil {
		m.cfg.Logger.Error("a CustomResourceDefinition's conversion cannot be read", "name", d.Metadata.Name, "err", err)
		return &converter{group: d.Spec.Group}
	}
	return conv
}

// Resolve finds where a Service can be reached: at its cluster IP, or, where it has none, at one of its endpoints.
func (m *Manager) Resolve(ctx context.Context, namespace, name string, port int32) (*url.URL, error) {
	obj, err := m.core(ctx, "services", namespace, name)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("service %q not found", name) // a lister's words
	}
	if err != nil {
		return nil, err
	}
	service := obj.(*corev1.Service)
	host := func(ip string, port int32) *url.URL {
		return &url.URL{Scheme: "https", Host: net.JoinHostPort(ip, strconv.Itoa(int(port)))}
	}
	found := (*corev1.ServicePort)(nil)
	for i := range service.Spec.Ports {
		if service.Spec.Ports[i].Port == port {
			found = &service.Spec.Ports[i]
		}
	}
	switch {
	case service.Spec.Type == corev1.ServiceTypeExternalName:
		return host(service.Spec.ExternalName, port), nil
	case found == nil:
		return nil, fmt.Errorf("no service port %d found for service %q", port, name)
	case service.Spec.ClusterIP != "" && service.Spec.ClusterIP != corev1.ClusterIPNone:
		return host(service.Spec.ClusterIP, port), nil
	}
	if obj, err = m.core(ctx, "endpoints", namespace, name); err != nil {
		return nil, err
	}
	for _, s := range obj.(*corev1.Endpoints).Subsets {
		for _, p := range s.Ports {
			if p.Name == found.Name && len(s.Addresses) > 0 {
				return host(s.Addresses[0].IP, p.Port), nil
			}
		}
	}
	return nil, fmt.Errorf("no endpoints available for service %q", name)
}

// core reads an object of the core group.
func (m *Manager) core(ctx context.Context, plural, namespace, name string) (object.Object, error) {
	row, ok := m.cfg.Catalog.Load().Lookup("", "v1", plural)
	if !ok {
		return nil, errors.New(plural + " are not served")
	}
	got, err := m.cfg.Engine.Get(ctx, m.request(), engine.Target{Resource: row.Resource, Version: row.Version, Namespace: namespace, Name: name}, "")
	if err != nil {
		return nil, err
	}
	return got.Record.Object()
}
