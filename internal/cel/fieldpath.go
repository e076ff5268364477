package cel

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

var errNoField = errors.New("does not refer to a valid field")

// FieldPath reads a JSON path of field names and map keys (.spec.labels['a.b'] ) as it is written in a rule's fieldPath or
// as a selectable field, where there may be no brackets. It returns the path as errors show it, and the node it leads to.
func FieldPath(text string, n Node, brackets bool) (*field.Path, Node, error) {
	var path *field.Path
	rest := text
	next := func() (token string, ok bool) {
		token, rest = fieldToken(rest)
		return token, token != ""
	}
	for {
		token, ok := next()
		if !ok {
			return path, n, nil
		}
		var name string
		switch token {
		case "[":
			if !brackets {
				return nil, nil, errors.New("array notation is not allowed")
			}
			if token, ok = next(); !ok {
				return nil, nil, errors.New("unexpected end of JSON path")
			}
			if len(token) < 2 || token[0] != '\'' || token[len(token)-1] != '\'' {
				return nil, nil, fmt.Errorf("expected single quoted string but got %s", token)
			}
			var err error
			if name, err = unquote(token[1 : len(token)-1]); err != nil {
				return nil, nil, fmt.Errorf("invalid string literal: %w", err)
			}
		case ".":
			if name, ok = next(); !ok {
				return nil, nil, errors.New("unexpected end of JSON path")
			}
		default:
			return nil, nil, fmt.Errorf("expected [ or . but got: %s", token)
		}
		var err error
		if path, n, err = fieldStep(path, n, name); err != nil {
			return nil, nil, err
		}
		if token == "." {
			continue
		}
		if token, ok = next(); !ok {
			return nil, nil, errors.New("unexpected end of JSON path")
		} else if token != "]" {
			return nil, nil, fmt.Errorf("expected ] but got %s", token)
		}
	}
}

// fieldStep goes from a node to its field or map value called name.
func fieldStep(path *field.Path, n Node, name string) (*field.Path, Node, error) {
	switch {
	case n == nil:
		return nil, nil, errNoField
	case n.HasProperties():
		child := n.Property(name)
		if child == nil {
			return nil, nil, errNoField
		}
		return path.Child(name), child, nil
	case n.Additional():
		return path.Key(name), n.Values(), nil
	}
	return nil, nil, errNoField
}

// fieldToken cuts the next token off: a dot, a bracket, a quoted string or a name. "" is the end.
func fieldToken(s string) (token, rest string) {
	if s == "" {
		return "", ""
	}
	if s[0] == '\'' {
		for i := 1; i < len(s); i++ {
			if s[i] == '\'' && s[i-1] != '\\' {
				return s[:i+1], s[i+1:]
			}
		}
		return s, ""
	}
	switch i := strings.IndexAny(s, ".[]"); i {
	case -1:
		return s, ""
	case 0:
		return s[:1], s[1:]
	default:
		return s[:i], s[i:]
	}
}

// unquote resolves the escapes of a string in single quotes.
func unquote(s string) (string, error) {
	const from, to = `abfnrtv'\`, "\a\b\f\n\r\t\v'\\"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		at := strings.IndexByte(from, s[i])
		if at < 0 {
			return "", fmt.Errorf(`invalid escape char \%c`, s[i])
		}
		b.WriteByte(to[at])
	}
	return b.String(), nil
}
