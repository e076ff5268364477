// Package crd makes resources of CustomResourceDefinitions: a definition becomes the same resource.Resource that a
// built-in kind is, and the Catalog follows the definitions that are stored.
//
// Nouns: a document is a stored CustomResourceDefinition without its schemas; an entry is what is kept of one in memory; the Manager follows their
// table, decides about names (NamesAccepted, Established), serves what is established, and ends what is deleted.
//
// Invariants: what is served follows from what is stored, status included, so that servers of one store agree; a
// definition's schemas are compiled when somebody first needs them; a resource is a new value when the definition's
// spec or its accepted names have changed, and only then. An object is created under the guard that its definition is
// as it was when it was found to be there and not deleted: none lands after its definition began to go.
//
// Concurrency: one goroutine, the Manager's, changes the Catalog; each definition that is being deleted has one more.
// Everything else may be called from any goroutine.
package crd
