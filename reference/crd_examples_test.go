package reference

// crdExamples are good definitions whose mutants are judged.
var crdExamples = []string{
	`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"foos.example.com"},"spec":{
"group":"example.com","names":{"plural":"foos","singular":"foo","kind":"Foo","listKind":"FooList","shortNames":["fo"],"categories":["all"]},"scope":"Namespaced",
"conversion":{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1"],"clientConfig":{"caBundle":"bm8=","service":{"namespace":"n","name":"s","path":"/a/b","port":443}}}},
"versions":[{"name":"v1","served":true,"storage":true,"deprecated":true,"deprecationWarning":"old",
 "subresources":{"status":{},"scale":{"specReplicasPath":".spec.replicas","statusReplicasPath":".status.replicas","labelSelectorPath":".status.selector"}},
 "additionalPrinterColumns":[{"name":"Color","type":"string","format":"byte","jsonPath":".spec.color","priority":1,"description":"d"}],
 "selectableFields":[{"jsonPath":".spec.color"}],
 "schema":{"openAPIV3Schema":{"type":"object","description":"d","required":["spec"],"properties":{
  "metadata":{"type":"object","properties":{"name":{"type":"string","maxLength":5}}},
  "spec":{"type":"object","properties":{"color":{"type":"string","enum":["red","blue"]},"replicas":{"type":"integer","format":"int32","minimum":0},
   "list":{"type":"array","items":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"v":{"type":"number"}}},"x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["name"]},
   "set":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string"}},
   "port":{"x-kubernetes-int-or-string":true,"anyOf":[{"type":"integer"},{"type":"string"}],"pattern":"^a"}}},
  "status":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}}},
 {"name":"v2","served":true,"storage":false,"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","additionalProperties":{"type":"string"}}}}}}]}}`,

	`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"bars.x.k8s.io","annotations":{"api-approved.kubernetes.io":"https://github.com/x/y"}},"spec":{
"group":"x.k8s.io","names":{"plural":"bars","kind":"Bar"},"scope":"Cluster","versions":[{"name":"v1","served":true,"storage":true,
 "schema":{"openAPIV3Schema":{"type":"object","oneOf":[{"required":["a"]},{"required":["b"],"properties":{"b":{"minLength":2}}}],"not":{"properties":{"c":{"enum":["x"]}}},
  "properties":{"a":{"type":"object","x-kubernetes-embedded-resource":true,"properties":{"spec":{"type":"string"},"metadata":{"type":"object"},"kind":{"type":"string"}}},
   "b":{"type":"string"},"c":{"type":"string","allOf":[{"pattern":"a"},{"maxLength":3}]},
   "e":{"type":"object","x-kubernetes-map-type":"atomic","additionalProperties":{"type":"array","items":{"type":"integer"}}},
   "f":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"object","x-kubernetes-map-type":"atomic","properties":{"q":{"type":"boolean"}}}}}}}}]}}`,

	// Rules: one that costs too much, transitions, messages.
	`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"rules.example.com"},"spec":{
"group":"example.com","names":{"plural":"rules","kind":"Rule"},"scope":"Cluster","versions":[{"name":"v1","served":true,"storage":true,
 "schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-validations":[{"rule":"self.spec.a > 0","message":"m","reason":"FieldValueForbidden","fieldPath":".spec.a"}],
  "properties":{"spec":{"type":"object","properties":{"a":{"type":"integer"},"s":{"type":"string","maxLength":10,"x-kubernetes-validations":[{"rule":"self == oldSelf","messageExpression":"'no ' + self"}]},
   "l":{"type":"array","maxItems":5,"items":{"type":"string","maxLength":4,"x-kubernetes-validations":[{"rule":"self.startsWith('x')","optionalOldSelf":true}]}}}}}}}}]}}`,

	// Defaults: in lists, in embedded resources and their metadata, of maps, of what preserves unknown fields.
	`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"defs.example.com"},"spec":{
"group":"example.com","names":{"plural":"defs","kind":"Def"},"scope":"Namespaced","preserveUnknownFields":false,"conversion":{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1beta1"],"clientConfig":{"url":"https://a/b"}}},
"versions":[{"name":"v1","served":true,"storage":true,
 "schema":{"openAPIV3Schema":{"type":"object","properties":{
  "e":{"type":"object","x-kubernetes-embedded-resource":true,"x-kubernetes-preserve-unknown-fields":true,"default":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","nope":1},"data":{"k":1.50}},
   "properties":{"metadata":{"type":"object","default":{"name":"x"},"properties":{"labels":{"type":"object","default":{"a":"b"},"additionalProperties":{"type":"string"}},"name":{"type":"string","default":"n"}}},"kind":{"type":"string","default":"K"}}},
  "o":{"type":"object","default":{"a":{"b":[1,2]},"t":"2020-01-02T03:04:05Z"},"properties":{"t":{"type":"string","format":"date-time"},"a":{"type":"object","default":{},"properties":{"b":{"type":"array","default":[3],"maxItems":2,"items":{"type":"integer","default":4,"maximum":5}}}}}},
  "n":{"type":"string","nullable":true,"default":"v","pattern":"^v","enum":["v","w"]}}}}},
 {"name":"v2","served":true,"storage":false,"selectableFields":[{"jsonPath":".a"},{"jsonPath":".b"},{"jsonPath":".c"},{"jsonPath":".d"},{"jsonPath":".e"},{"jsonPath":".f"},{"jsonPath":".g"},{"jsonPath":".h"}],
  "schema":{"openAPIV3Schema":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"},"c":{"type":"string"},"d":{"type":"string"},"e":{"type":"integer"},"f":{"type":"string"},"g":{"type":"boolean"},"h":{"type":"string"},"i":{"type":"object","additionalProperties":{"type":"string"}}}}}}]}}`,
}
