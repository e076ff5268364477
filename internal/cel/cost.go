package cel

import (
	"fmt"
	"math"

	"github.com/google/cel-go/checker"
)

// Limits of the estimates, by which rules are admitted.
const (
	exprCostLimit   = 10000000  // one expression, for all the values of an object that it is run on
	schemaCostLimit = 100000000 // all expressions of a schema
)

// sizes tells the cost estimator how large the values are that an expression can reach from self.
type sizes struct {
	self Node
	*bounds
}

// EstimateSize implements checker.CostEstimator.
func (s sizes) EstimateSize(element checker.AstNode) *checker.SizeEstimate {
	path := element.Path()
	if len(path) == 0 {
		return nil
	}
	at := s.self
	for _, step := range path[1:] { // the first is self
		switch step {
		case "@items", "@values":
			at = asResource(elements(at))
		case "@keys":
			if at != nil && at.Type() == "object" && elements(at) != nil {
				at = plainNode("key")
			} else {
				at = nil
			}
		default:
			at = fieldNode(at, step)
		}
		if at == nil {
			return nil
		}
	}
	return &checker.SizeEstimate{Min: 0, Max: uint64(s.most(at))}
}

// EstimateCallCost implements checker.CostEstimator.
func (sizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

// cardinality is how many values of a node an object can have: the product of the limits of the lists and maps around
// it. Without one, when one of those is not limited.
type cardinality struct {
	n     uint64
	known bool
}

// of is how often a child of the node occurs, if the node itself does so c times.
func (c cardinality) of(n Node) cardinality {
	most, known := int64(1), true
	switch n.Type() {
	case "object":
		if n.Additional() {
			most, known = limit(n.MaxProperties())
		}
	case "array":
		most, known = limit(n.MaxItems())
	}
	if !known || !c.known {
		return cardinality{}
	}
	return cardinality{times(c.n, uint64(most)), true}
}

func limit(n *int64) (int64, bool) {
	if n == nil {
		return 0, false
	}
	return max(*n, 0), true
}

// total is what a rule costs that costs so much for one value, which has at least least bytes. Where nothing limits their
// number, it is the size of the request: no more values fit in it than of the smallest size.
func (c cardinality) total(cost uint64, least int64) uint64 {
	if c.known {
		return times(cost, c.n)
	}
	return times(cost, uint64(maxRequestSize/(least+1)))
}

// times is a product that ends at the largest number.
func times(cost, n uint64) uint64 {
	switch {
	case cost == 0:
		return 0
	case math.MaxUint/cost < n:
		return math.MaxUint
	}
	return cost * n
}

// tooExpensive is the message about a cost beyond a limit.
func tooExpensive(what string, cost, limit uint64) string {
	factor := float64(cost) / float64(limit)
	var by string
	switch {
	case factor > 100: // beyond that the figure says nothing: some limit is missing
		by = "more than 100x"
	case factor < 1.5: // one digit would be 1.0
		by = fmt.Sprintf("%fx", factor)
	default:
		by = fmt.Sprintf("%.1fx", factor)
	}
	return what + " exceeds budget by factor of " + by + " (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
}
