package engine

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// plainly is an object as the rules of metadata are to see it: without labels and annotations that are plain words, as
// nearly all are. The rules match a regular expression with each, which costs more than all else that they do.
type plainly struct{ metav1.Object }

// GetLabels returns the labels, unless the rules can have nothing to say of them.
func (p plainly) GetLabels() map[string]string {
	labels := p.Object.GetLabels()
	for key, value := range labels {
		if !plainKey(key) || value != "" && !plainWord(value) {
			return labels
		}
	}
	return nil
}

// GetAnnotations returns the annotations, unless the rules can have nothing to say of them.
func (p plainly) GetAnnotations() map[string]string {
	annotations := p.Object.GetAnnotations()
	size := 0
	for key, value := range annotations {
		if size += len(key) + len(value); !plainKey(key) || size > plainSize {
			return annotations
		}
	}
	return nil
}

// plainSize is well below what annotations may have in bytes.
const plainSize = 64 << 10

// plainKey says that a key is a word, maybe behind a domain. Of others it may say no although they are good.
func plainKey(key string) bool {
	if domain, word, ok := strings.Cut(key, "/"); ok {
		return plainDomain(domain) && plainWord(word)
	}
	return plainWord(key)
}

// plainWord says that a word is of letters and digits, with dashes, underscores and dots between, and not too long.
func plainWord(s string) bool {
	if len(s) == 0 || len(s) > 63 || !alphanumeric(s[0]) || !alphanumeric(s[len(s)-1]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// plainDomain says that a domain is of lower-case words with dots between.
func plainDomain(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !plainWord(label) || strings.ContainsFunc(label, func(c rune) bool { return 'A' <= c && c <= 'Z' || c == '_' }) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z'
}
