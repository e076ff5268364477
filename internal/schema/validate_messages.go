package schema

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// code says what is wrong with a value.
type code uint8

const (
	codeType code = iota
	codeTooLong
	codeTooShort
	codePattern
	codeTooFewItems
	codeTooManyItems
	codeNotUnique
	codeTooFewFields
	codeTooManyFields
	codeRequired
	codeForbidden
	codeEnum
	codeMaximum
	codeMinimum
	codeMultiple
	codeNotPositive
	// The rest are findings without a path.
	codeRange
	codeAnyOf
	codeOneOf
	codeAllOf
	codeNot
)

// finding is what is wrong with a value, and where: path is as OpenAPI's messages have it, "spec.items[2].name".
type finding struct {
	path      string
	code      code
	value     any
	arg       string // type, pattern or text
	n         int64  // the limit, or how many branches fit
	bound     any    // a limit of numbers
	exclusive bool
	values    []any // of an enum
}

// text is the finding as the reference words it.
func (f *finding) text() string {
	switch f.code {
	case codeType:
		return fmt.Sprintf("%s in body must be of type %s: %q", f.path, f.arg, f.value)
	case codeTooLong:
		return fmt.Sprintf("%s in body should be at most %d chars long", f.path, f.n)
	case codeTooShort:
		return fmt.Sprintf("%s in body should be at least %d chars long", f.path, f.n)
	case codePattern:
		return fmt.Sprintf("%s in body should match '%s'", f.path, f.arg)
	case codeTooFewItems:
		return fmt.Sprintf("%s in body should have at least %d items", f.path, f.n)
	case codeTooManyItems:
		return fmt.Sprintf("%s in body should have at most %d items", f.path, f.n)
	case codeNotUnique:
		return fmt.Sprintf("%s in body shouldn't contain duplicates", f.path)
	case codeTooFewFields:
		return fmt.Sprintf("%s in body should have at least %d properties", f.path, f.n)
	case codeTooManyFields:
		return fmt.Sprintf("%s in body should have at most %d properties", f.path, f.n)
	case codeRequired:
		return fmt.Sprintf("%s in body is required", f.path)
	case codeForbidden:
		return fmt.Sprintf("%s.%s in body is a forbidden property", f.path, f.value)
	case codeEnum:
		return fmt.Sprintf("%s in body should be one of %v", f.path, f.values)
	case codeMaximum:
		return fmt.Sprintf("%s in body should be less than %s%v", f.path, f.orEqual(), f.bound)
	case codeMinimum:
		return fmt.Sprintf("%s in body should be greater than %s%v", f.path, f.orEqual(), f.bound)
	case codeMultiple:
		return fmt.Sprintf("%s in body should be a multiple of %v", f.path, f.bound)
	case codeNotPositive:
		return fmt.Sprintf("factor MultipleOf declared for %s must be positive: %v", f.path, f.value)
	case codeRange:
		return f.arg
	case codeAnyOf:
		return fmt.Sprintf("%q must validate at least one schema (anyOf)", f.path)
	case codeOneOf:
		if f.n == 0 {
			return fmt.Sprintf("%q must validate one and only one schema (oneOf). Found none valid", f.path)
		}
		return fmt.Sprintf("%q must validate one and only one schema (oneOf). Found %d valid alternatives", f.path, f.n)
	case codeAllOf:
		if f.n == 0 {
			return fmt.Sprintf("%q must validate all the schemas (allOf). None validated", f.path)
		}
		return fmt.Sprintf("%q must validate all the schemas (allOf)", f.path)
	}
	return fmt.Sprintf("%q must not validate the schema (not)", f.path)
}

func (f *finding) orEqual() string {
	if f.exclusive {
		return ""
	}
	return "or equal to "
}

// maxTold is how much is told of what is wrong with an object, in bytes. Each value that is none of an enum is told with
// all of the enum: without a bound a megabyte of those would fill the memory.
const maxTold = 16 << 20

// fieldErrors makes the findings those of a field at path. Findings of one text are one.
func fieldErrors(path *field.Path, found []finding) field.ErrorList {
	out := make(field.ErrorList, 0, len(found))
	seen := make(map[string]bool, len(found))
	told := 0
	for i := range found {
		if told > maxTold {
			break
		}
		text := found[i].text()
		told += len(text)
		if v, ok := found[i].value.(string); ok {
			told += len(v)
		}
		if !seen[text] {
			seen[text] = true
			out = append(out, found[i].fieldError(path, text))
		}
	}
	return out
}

func (f *finding) fieldError(path *field.Path, text string) *field.Error {
	if f.code >= codeRange {
		return field.Invalid(path, "", text)
	}
	if f.path != "" && f.path != "." {
		path = path.Child(strings.TrimPrefix(f.path, "."))
	}
	switch f.code {
	case codeRequired:
		return field.Required(path, "")
	case codeTooLong:
		return field.TooLong(path, "", int(f.n))
	case codeTooManyItems, codeTooManyFields:
		return field.TooMany(path, int(f.value.(int64)), int(f.n))
	case codeType:
		return field.TypeInvalid(path, f.value, text)
	case codeEnum:
		return field.NotSupported(path, f.value, enumTexts(f.values))
	}
	if f.value == nil {
		return field.Invalid(path, "", text)
	}
	return field.Invalid(path, f.value, text)
}

// enumTexts are the allowed values as messages name them.
func enumTexts(values []any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		if s, ok := v.(string); ok {
			out[i] = s
		} else {
			text, _ := json.Marshal(v)
			out[i] = string(text)
		}
	}
	return out
}
