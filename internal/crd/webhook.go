package crd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	kjson "sigs.k8s.io/json"
)

// Resolver says where a port of a Service can be reached: a URL with an address of the cluster's network as host.
type Resolver interface {
	Resolve(ctx context.Context, namespace, name string, port int32) (*url.URL, error)
}

// What a webhook may cost.
const (
	webhookTimeout  = 30 * time.Second
	webhookRetries  = 10        // of answers that say when to come again
	maxAnswer       = 256 << 20 // bytes
	maxErrorText    = 2048      // bytes of a body that are told
	idleConnections = 25
	idleFor         = 90 * time.Second // after that, an unused webhook holds no connection and no goroutine
)

// webhooks shares clients: one for each way to reach a webhook, however many definitions use it. A client is made at
// the first call.
type webhooks struct {
	resolver Resolver
	newUID   func() types.UID
	metrics  Metrics // nil: nobody counts

	mu    sync.Mutex
	known map[string]*webhook // by their client configuration
}

func newWebhooks(r Resolver, newUID func() types.UID) *webhooks {
	return &webhooks{resolver: r, newUID: newUID, known: map[string]*webhook{}}
}

// webhook is an HTTPS server that is asked by POST.
type webhook struct {
	all    *webhooks
	key    string
	users  int // guarded by all.mu
	url    string
	client func() (*http.Client, error)
}

// open finds the webhook of a configuration, and counts one more user.
func (w *webhooks) open(name string, config *v1.WebhookClientConfig) (*webhook, error) {
	key, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.known[string(key)]
	if h == nil {
		if h, err = w.newWebhook(name, config); err != nil {
			return nil, err
		}
		h.key = string(key)
		w.known[h.key] = h
	}
	h.users++
	return h, nil
}

// close counts one user less. The last one shuts the door.
func (h *webhook) close() {
	h.all.mu.Lock()
	defer h.all.mu.Unlock()
	if h.users--; h.users > 0 {
		return
	}
	delete(h.all.known, h.key)
	if c, err := h.client(); err == nil {
		c.CloseIdleConnections()
	}
}

func (w *webhooks) newWebhook(name string, config *v1.WebhookClientConfig) (*webhook, error) {
	var base url.URL
	var service *v1.ServiceReference
	switch {
	case config.Service != nil:
		service = config.Service
		base = url.URL{Scheme: "https", Host: net.JoinHostPort(serviceHost(service), strconv.Itoa(int(servicePort(service))))}
		if service.Path != nil {
			base.Path = *service.Path
		}
	case config.URL != nil && *config.URL != "":
		u, err := url.Parse(*config.URL)
		if err != nil {
			return nil, fmt.Errorf("failed calling webhook %q: Unparsable URL: %v", name, err)
		}
		base = url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	default:
		return nil, fmt.Errorf("failed calling webhook %q: webhook configuration must have either service or URL", name)
	}
	base.Path = path.Join("/", base.Path)
	base.RawQuery = "timeout=" + webhookTimeout.String()
	h := &webhook{all: w, url: base.String()}
	h.client = sync.OnceValues(func() (*http.Client, error) { return w.newClient(config.CABundle, service) })
	return h, nil
}

func serviceHost(s *v1.ServiceReference) string { return s.Name + "." + s.Namespace + ".svc" }

func servicePort(s *v1.ServiceReference) int32 {
	if s.Port == nil || *s.Port == 0 {
		return 443
	}
	return *s.Port
}

func (w *webhooks) newClient(ca []byte, service *v1.ServiceReference) (*http.Client, error) {
	dialer := net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}},
		MaxIdleConnsPerHost: idleConnections,
		IdleConnTimeout:     idleFor,
	}
	if len(bytes.TrimSpace(ca)) > 0 {
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("unable to load root certificates: unable to parse bytes as PEM block")
		}
	}
	if service != nil {
		port := servicePort(service)
		t.TLSClientConfig.ServerName = serviceHost(service)
		host := net.JoinHostPort(serviceHost(service), strconv.Itoa(int(port)))
		t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr == host {
				u, err := w.resolver.Resolve(ctx, service.Namespace, service.Name, port)
				if err != nil {
					return nil, err
				}
				addr = u.Host
			}
			return dialer.DialContext(ctx, network, addr)
		}
	}
	return &http.Client{Transport: t}, nil
}

// answer is what came back from a webhook.
type answer struct {
	code        int
	contentType string
	body        []byte
	err         error // what the code says
}

// post asks a webhook. One that is busy and says so is asked again.
func (h *webhook) post(ctx context.Context, body []byte) (*answer, error) {
	client, err := h.client()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, webhookTimeout)
	defer cancel()
	for again := 0; ; again++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Accept", "application/json, */*")
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("User-Agent", "kube-apiserver-admission") // so all webhooks know it
		resp, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		a, err := readAnswer(resp)
		wait, busy := retryAfter(resp)
		if !busy || again == webhookRetries {
			return a, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// retryAfter says when a busy server wants to be asked again.
func retryAfter(resp *http.Response) (time.Duration, bool) {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode < 500 {
		return 0, false
	}
	s, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	return time.Duration(s) * time.Second, err == nil
}

func readAnswer(resp *http.Response) (*answer, error) {
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("limit of %d bytes exceeded", maxAnswer)
	}
	if err != nil {
		return nil, fmt.Errorf("unexpected error when reading response body. Please retry. Original error: %w", err)
	}
	a := &answer{code: resp.StatusCode, contentType: resp.Header.Get("Content-Type"), body: body}
	media := ""
	if a.contentType == "" {
		a.contentType = runtime.ContentTypeJSON
		media = "text/plain"
	} else if media, _, err = mime.ParseMediaType(a.contentType); err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	if a.code != http.StatusSwitchingProtocols && (a.code < http.StatusOK || a.code > http.StatusPartialContent) {
		text := "unknown"
		if strings.HasPrefix(media, "text/") {
			text = strings.TrimSpace(string(body[:min(len(body), maxErrorText)]))
		}
		after, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		a.err = apierrors.NewGenericServerResponse(a.code, http.MethodPost, schema.GroupResource{}, "", text, after, true)
	}
	return a, nil
}

// review reads a ConversionReview of the version.
func (a *answer) review(gv schema.GroupVersion) (*review, error) {
	switch {
	case a.err != nil:
		return nil, a.failure()
	case len(a.body) == 0:
		return nil, fmt.Errorf("0-length response with status code: %d and content type: %s", a.code, a.contentType)
	}
	r := &review{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(a.body, r); err == nil && r.GroupVersionKind() == gv.WithKind("ConversionReview") {
		return r, nil
	}
	return a.readByLibrary(gv)
}

// readByLibrary is for what is unusual or wrong: it finds the words.
func (a *answer) readByLibrary(gv schema.GroupVersion) (*review, error) {
	var into runtime.Object = &v1.ConversionReview{}
	if gv == v1beta1.SchemeGroupVersion {
		into = &v1beta1.ConversionReview{}
	}
	out, _, err := reviews().Decode(a.body, nil, into)
	if err != nil {
		return nil, err
	}
	if s, ok := out.(*metav1.Status); ok && s.Status != metav1.StatusSuccess {
		return nil, apierrors.FromObject(s)
	}
	again, err := json.Marshal(into)
	if err != nil {
		return nil, err
	}
	r := &review{}
	return r, kjson.UnmarshalCaseSensitivePreserveInts(again, r)
}

// failure is what an answer that is an error says: the Status in it, if that says more than the code.
func (a *answer) failure() error {
	if !apierrors.IsUnexpectedServerError(a.err) || len(a.body) == 0 {
		return a.err
	}
	out, _, err := reviews().Decode(a.body, &schema.GroupVersionKind{Version: "v1"}, nil)
	if s, ok := out.(*metav1.Status); err == nil && ok && s.Status == metav1.StatusFailure {
		return apierrors.FromObject(s)
	}
	return a.err
}

// reviews is the library's codec of ConversionReviews and Statuses.
var reviews = sync.OnceValue(func() runtime.Codec {
	scheme := runtime.NewScheme()
	_ = v1.AddToScheme(scheme)
	_ = v1beta1.AddToScheme(scheme)
	return serializer.NewCodecFactory(scheme).LegacyCodec(v1.SchemeGroupVersion, v1beta1.SchemeGroupVersion)
})
