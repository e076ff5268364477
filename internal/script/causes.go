package script

import (
	"slices"
	"strings"
)

// sortCauses puts the causes of a refusal into an order, in the list and in the message that repeats it: a reference
// tells what is wrong with an object of a schema in the order of a map, another each time.
func sortCauses(status map[string]any) {
	details, _ := status["details"].(map[string]any)
	causes, _ := details["causes"].([]any)
	message, _ := status["message"].(string)
	if len(causes) < 2 {
		return
	}
	told := toldCauses(causes)
	sorted := slices.Clone(causes)
	slices.SortStableFunc(sorted, func(a, b any) int { return strings.Compare(toldCause(a), toldCause(b)) })
	details["causes"] = sorted
	status["message"] = strings.Replace(message, "["+told+"]", "["+toldCauses(sorted)+"]", 1)
}

// toldCauses is what a message says of them: each once.
func toldCauses(causes []any) string {
	var all []string
	for _, c := range causes {
		if t := toldCause(c); !slices.Contains(all, t) {
			all = append(all, t)
		}
	}
	return strings.Join(all, ", ")
}

func toldCause(cause any) string {
	m, _ := cause.(map[string]any)
	field, _ := m["field"].(string)
	message, _ := m["message"].(string)
	return field + ": " + message
}
