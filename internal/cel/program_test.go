package cel

import (
	"context"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"k8s.io/apiserver/pkg/cel/library"
)

// expressions use each library, and each way for a program to end.
const expressions = `
1 + 1 == 2
[1, 2, 3].map(x, x * 2).filter(x, x > 2) == [4, 6]
[1, 2, 3].all(i, v, i < v)
{"a": 1}.transformList(k, v, k + string(v)) == ["a1"]
{"a": 1}.transformMap(k, v, v + 1)["a"] == 2
lists.range(5).slice(1, 3) == [1, 2]
[[1], [2]].flatten() == [1, 2] && [[1, [2]]].flatten(2).size() == 2
[3, 1, 2].sort() == [1, 2, 3] && ["b", "a"].sort() == ["a", "b"] && [].sort() == []
[1, 1, 2].distinct() == [1, 2] && ["a", "a"].distinct() == ["a"]
[1, 2].reverse() == [2, 1] && ["b", "a"].sortBy(x, x) == ["a", "b"]
[b"b", b"a"].sort()[0] == b"a" && [true, false].sort()[0] == false
[duration("2s"), duration("1s")].sort()[0] == duration("1s")
sets.contains(["a", "b"], ["a"]) && sets.equivalent([1, 2], [2, 1]) && !sets.intersects([1], [2])
optional.of(1).or(optional.of(2)).value() == 1
optional.none().or(optional.of(2)).value() == 2
optional.none().orValue(3) == 3 && optional.of(1).orValue(1 / 0) == 1
optional.of({"a": 1}).?a.orValue(0) == 1 && {"a": {"b": 2}}[?"x"].?b.orValue(5) == 5
optional.none().value() == 1
"hello".matches("^h.*o$") && "hello".find("l+") == "ll" && "hello".findAll("l").size() == 2
"a(b".matches("(")
url("https://a.b:80/p?q=1").getHost() == "a.b:80"
ip("10.0.0.1").family() == 4 && cidr("10.0.0.0/8").containsIP("10.1.2.3")
quantity("1Gi").isGreaterThan(quantity("500Mi")) && semver("1.2.3").major() == 1
!format.dns1123Label().validate("abc").hasValue() && format.dns1123Label().validate("A_").value().size() > 0
"%s is %d".format(["a", 1]) == "a is 1"
["a", "b"].join(",").split(",").size() == 2 && "abc".substring(1, 2).upperAscii() == "B"
[1, 2, 3].sum() == 6 && [1, 2].isSorted() && [2, 1].min() == 1
timestamp("2020-01-01T00:00:00Z").getHours() == 0 && duration("1h") > duration("1m")
1 / 0 == 1
[1][5] == 1
{"a": 1}["b"] == 1
dyn("a") + dyn(1) == 2
int("x") == 1
has({"a": 1}.a) && !has({"a": 1}.b)
(1 == 1 ? "a" : "b") == "a" || 1 / 0 == 1
"a" in ["a", "b"] && 1 in {1: 2} && type(1) == int
[0,1,2,3,4,5,6,7,8,9].all(a, [0,1,2,3,4,5,6,7,8,9].all(b, [0,1,2,3,4,5,6,7,8,9].all(c, [0,1,2,3,4,5,6,7,8,9].all(d, [0,1,2,3,4,5,6,7,8,9].all(e, [0,1,2,3,4,5,6,7,8,9].all(f, a+b+c+d+e+f >= 0))))))
[1, 2].exists_one(x, x == 1) && [1, "a"].exists(x, x == "a")
`

// TestPrograms compares programs with those that the library makes: values, errors and costs are the same.
func TestPrograms(t *testing.T) {
	env, err := baseEnv()
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.Lines(strings.TrimSpace(expressions)) {
		checked, issues := env.Compile(text)
		if issues.Err() != nil {
			t.Logf("%s: %v", text, issues)
			continue
		}
		theirs, theirErr := env.Program(checked, cel.CostLimit(perCallLimit), cel.CostTracking(&library.CostEstimator{}), cel.InterruptCheckFrequency(checkFrequency))
		ours, ourErr := plan(checked)
		if theirErr != nil || ourErr != nil {
			if theirErr == nil || ourErr == nil || theirErr.Error() != ourErr.Error() {
				t.Errorf("%s: planned with %v, want %v", text, ourErr, theirErr)
			}
			continue
		}
		want, details, wantErr := theirs.ContextEval(t.Context(), &variables{})
		got, spent, known, gotErr := ours.run(t.Context(), &variables{})
		if (wantErr == nil) != (gotErr == nil) || wantErr != nil && wantErr.Error() != gotErr.Error() {
			t.Errorf("%s: %v, want %v", text, gotErr, wantErr)
		}
		if wantErr == nil && got.Equal(want) != types.True {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
		if !known || spent != *details.ActualCost() {
			t.Errorf("%s: costs %d, want %d", text, spent, *details.ActualCost())
		}
	}
}

// TestInterrupt ends a program when its request does.
func TestInterrupt(t *testing.T) {
	env, err := baseEnv()
	if err != nil {
		t.Fatal(err)
	}
	checked, issues := env.Compile("lists.range(10000).all(x, x >= 0)")
	if issues != nil {
		t.Fatal(issues)
	}
	p, err := plan(checked)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, known, err := p.run(ctx, &variables{}); err == nil || err.Error() != "operation interrupted" || !known {
		t.Errorf("got %v", err)
	}
}
