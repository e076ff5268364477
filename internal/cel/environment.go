package cel

import (
	"fmt"
	"sync"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	apicel "k8s.io/apiserver/pkg/cel"
)

// environment is what rules are compiled in: the base environment, with self and oldSelf. To make one takes longer than to
// compile a rule, so they are used again, for one node after the other: what they know of a schema is the name of one
// type, and what that stands for is looked up in the node when an expression asks. An environment is for one goroutine at
// a time.
type environment struct {
	names *names
	envs  map[environmentKey]*cel.Env
}

type environmentKey struct {
	self     string // its type
	optional bool   // oldSelf is
}

// maxEnvironments is how many types of self an environment keeps ready: scalars, objects, and lists and maps of those.
const maxEnvironments = 32

var environments sync.Pool

func takeEnvironment() *environment {
	if e, ok := environments.Get().(*environment); ok {
		return e
	}
	// The name of the type of self is another one each time, so that nobody gets used to it.
	root := fmt.Sprintf("selfType%d", time.Now().Nanosecond())
	return &environment{names: &names{root: root, objects: map[string]Node{}}, envs: map[environmentKey]*cel.Env{}}
}

// giveBack ends the use of an environment. One in which somebody panicked is not to be given back.
func (e *environment) giveBack() {
	clear(e.names.objects)
	environments.Put(e)
}

// declare makes the node that of self and returns its type, nil if expressions cannot see it.
func (e *environment) declare(self Node) *cel.Type {
	clear(e.names.objects)
	return e.names.typeOf(self, []byte(e.names.root), 0)
}

// of is the environment with a self of the type, and with oldSelf, which may be optional.
func (e *environment) of(self *cel.Type, optional bool) (*cel.Env, error) {
	key := environmentKey{self.String(), optional}
	if env, ok := e.envs[key]; ok {
		return env, nil
	}
	base, err := baseEnv()
	if err != nil {
		return nil, err
	}
	if e.names.DeclTypeProvider == nil {
		if e.names.DeclTypeProvider, err = apicel.NewDeclTypeProvider().WithTypeProvider(base.CELTypeProvider()); err != nil {
			return nil, err
		}
	}
	old := self
	if optional {
		old = types.NewOptionalType(self)
	}
	env, err := base.Extend(cel.CustomTypeProvider(e.names), cel.CustomTypeAdapter(e.names),
		cel.Variable(selfName, self), cel.Variable(oldSelfName, old))
	if err != nil {
		return nil, err
	}
	if len(e.envs) >= maxEnvironments {
		clear(e.envs)
	}
	e.envs[key] = env
	return env, nil
}

// maxNesting is how many lists and maps in each other are types of their own.
const maxNesting = 32

// names are the types of objects at and below self, by the names that typeOf gave them when an expression came to them.
// Other types are the base environment's.
type names struct {
	*apicel.DeclTypeProvider
	root    string
	objects map[string]Node
}

var _ types.Provider = (*names)(nil)

// FindStructType implements types.Provider.
func (n *names) FindStructType(typeName string) (*types.Type, bool) {
	if n.objects[typeName] != nil {
		return types.NewTypeTypeWithParam(cel.ObjectType(typeName)), true
	}
	return n.DeclTypeProvider.FindStructType(typeName)
}

// FindStructFieldType implements types.Provider. A word that the language reserves is the name of a field here.
func (n *names) FindStructFieldType(typeName, name string) (*types.FieldType, bool) {
	at := n.objects[typeName]
	if at == nil {
		return n.DeclTypeProvider.FindStructFieldType(typeName, name)
	}
	f := fieldNode(at, name)
	if f == nil {
		if escaped, ok := apicel.Escape(name); ok && escaped == "__"+name+"__" {
			name = escaped
			f = fieldNode(at, name)
		}
	}
	if f == nil {
		return nil, false
	}
	return &types.FieldType{Type: n.typeOf(f, []byte(typeName+"."+name), 0)}, true
}

// typeOf is what expressions may do with values of a node, nil for what they cannot see: values without a type, and lists
// and maps of such. Objects are types by name: that of the node is given, those in it are called after where they stand.
// So a type is no larger than what lists and maps it is made of, however much there is below. Fields that are preserved
// but not specified are not seen.
//
// The checker's cost grows with the square of how deep lists and maps are in each other, so deep down they are anything.
func (n *names) typeOf(node Node, name []byte, depth int) *cel.Type {
	switch {
	case node == nil:
		return nil
	case node.IntOrString():
		return cel.DynType // what an operator can do with it is seen when it is done
	case depth > maxNesting && declared(node):
		return cel.DynType
	}
	switch node.Type() {
	case "array":
		if t := n.typeOf(asResource(node.Items()), append(name, elementName...), depth+1); t != nil {
			return cel.ListType(t)
		}
		return nil
	case "object":
		values := node.Values()
		if values == nil {
			n.objects[string(name)] = node
			return cel.ObjectType(string(name))
		}
		if t := n.typeOf(asResource(values), append(name, valueName...), depth+1); t != nil {
			return cel.MapType(cel.StringType, t)
		}
		return nil
	case "boolean":
		return cel.BoolType
	case "number":
		return cel.DoubleType
	case "integer":
		return cel.IntType
	case "string":
		return stringType(node.Format())
	}
	return nil
}

func stringType(format string) *cel.Type {
	switch format {
	case "byte":
		return cel.BytesType
	case "duration":
		return cel.DurationType
	case "date", "date-time":
		return cel.TimestampType
	}
	return cel.StringType
}

// elementName and valueName follow the name of a list or map in that of what is in it.
const (
	elementName = ".@idx"
	valueName   = ".@elem"
)
