package apiextensions

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// conversion checks how objects are converted between versions.
func (v *validator) conversion(c *v1beta1.CustomResourceConversion, at *field.Path) {
	if c == nil {
		return
	}
	v.oneOf(at.Child("strategy"), string(c.Strategy), string(v1beta1.NoneConverter), string(v1beta1.WebhookConverter))
	config, reviews := at.Child("webhookClientConfig"), at.Child("conversionReviewVersions")
	if c.Strategy != v1beta1.WebhookConverter {
		if c.WebhookClientConfig != nil {
			v.add(field.Forbidden(config, "should not be set when strategy is not set to Webhook"))
		}
		if len(c.ConversionReviewVersions) > 0 {
			v.add(field.Forbidden(reviews, "should not be set when strategy is not set to Webhook"))
		}
		return
	}
	if cc := c.WebhookClientConfig; cc == nil {
		v.add(field.Required(config, "required when strategy is set to Webhook"))
	} else {
		switch {
		case (cc.URL == nil) == (cc.Service == nil):
			v.add(field.Required(config, "exactly one of url or service is required"))
		case cc.URL != nil:
			v.webhookURL(*cc.URL, config.Child("url"))
		default:
			v.webhookService(cc.Service, config.Child("service"))
		}
		if len(cc.CABundle) > 0 && !v.allowBadBundle {
			if err := checkBundle(cc.CABundle); err != nil {
				v.add(field.Invalid(config.Child("caBundle"), cc.CABundle, err.Error()))
			}
		}
	}
	v.reviewVersions(c.ConversionReviewVersions, reviews)
}

func (v *validator) reviewVersions(versions []string, at *field.Path) {
	if len(versions) == 0 {
		v.add(field.Required(at, ""))
		return
	}
	seen := map[string]bool{}
	for i, name := range versions {
		if seen[name] {
			v.add(field.Invalid(at.Index(i), name, "duplicate version"))
			continue
		}
		seen[name] = true
		for _, text := range validation.IsDNS1035Label(name) {
			v.add(field.Invalid(at.Index(i), name, text))
		}
	}
	if v.wantKnownReview && !knowsReview(versions) {
		v.add(field.Invalid(at, versions, "must include at least one of v1, v1beta1"))
	}
}

// knowsReview says whether there is a version of ConversionReview among them that servers speak or once spoke.
func knowsReview(versions []string) bool {
	for _, name := range versions {
		if name == "v1" || name == "v1beta1" {
			return true
		}
	}
	return false
}

func (v *validator) webhookURL(text string, at *field.Path) {
	const form = "; desired format: https://host[/path]"
	u, err := url.Parse(text)
	if err != nil {
		v.add(field.Required(at, "url must be a valid URL: "+err.Error()+form))
		return
	}
	if u.Scheme != "https" {
		v.add(field.Invalid(at, u.Scheme, "'https' is the only allowed URL scheme"+form))
	}
	if u.Host == "" {
		v.add(field.Invalid(at, u.Host, "host must be specified"+form))
	}
	if u.User != nil {
		v.add(field.Invalid(at, u.User.String(), "user information is not permitted in the URL"))
	}
	if u.Fragment != "" {
		v.add(field.Invalid(at, u.Fragment, "fragments are not permitted in the URL"))
	}
	if u.RawQuery != "" {
		v.add(field.Invalid(at, u.RawQuery, "query parameters are not permitted in the URL"))
	}
}

func (v *validator) webhookService(s *v1beta1.ServiceReference, at *field.Path) {
	// The reference takes name and namespace for each other here: a missing one is reported as the other.
	if s.Namespace == "" {
		v.add(field.Required(at.Child("name"), ""))
	}
	if s.Name == "" {
		v.add(field.Required(at.Child("namespace"), ""))
	}
	port := int32(443)
	if s.Port != nil {
		port = *s.Port
	}
	if errs := validation.IsValidPortNum(int(port)); errs != nil {
		v.add(field.Invalid(at.Child("port"), port, "port is not valid: "+strings.Join(errs, ", ")))
	}
	if s.Path != nil {
		v.webhookPath(*s.Path, at.Child("path"))
	}
}

func (v *validator) webhookPath(path string, at *field.Path) {
	switch {
	case path == "" || path == "/":
		return
	case path == "//":
		v.add(field.Invalid(at, path, "segment[0] may not be empty"))
		return
	case path[0] != '/':
		v.add(field.Invalid(at, path, "must start with a '/'"))
	}
	for i, step := range strings.Split(strings.TrimSuffix(path[1:], "/"), "/") {
		if step == "" {
			v.add(field.Invalid(at, path, fmt.Sprintf("segment[%d] may not be empty", i)))
			continue
		}
		for _, text := range validation.IsDNS1123Subdomain(step) {
			v.add(field.Invalid(at, path, fmt.Sprintf("segment[%d]: %v", i, text)))
		}
	}
}

// checkBundle says why a bundle holds no certificate authority that a client could trust.
func checkBundle(bundle []byte) error {
	if x509.NewCertPool().AppendCertsFromPEM(bundle) {
		return nil
	}
	for rest := bundle; len(rest) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return errors.New("unable to load root certificates: unable to parse bytes as PEM block")
		}
		if block.Type != "CERTIFICATE" || len(block.Headers) != 0 {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Errorf("unable to load root certificates: failed to parse certificate: %w", err)
		}
	}
	return errors.New("unable to load root certificates: no valid certificate authority data seen")
}
