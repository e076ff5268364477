// Package patch makes new objects out of old ones: JSON patch, merge patch, strategic merge patch and apply, and
// keeps account of which manager set which field (metadata.managedFields).
//
// Nouns: an elem is one step of a field path, a set a number of paths (FieldsV1 is a set, written down); a diff
// is a set whose paths are marked added, modified or removed; an entry is one manager's set, with when and in
// which version it was written; a plan is how Go structs of one type are read under one schema. A Tracker
// makes all of these.
//
// A diff comes from one walk over the old and the new object, side by side: structs are read in place by their
// plans, trees by their schema. Every entry then loses what the diff has, and the manager who writes gets what was
// added or modified. Entries that the diff does not touch keep their bytes.
//
// Invariants: sets, their bytes, conflicts and messages are those of sigs.k8s.io/structured-merge-diff and
// apimachinery's managedfields, which the tests run beside ours on random objects. Nothing here panics, whatever
// bytes a client sends; nesting is bounded (maxDepth).
//
// Concurrency: all functions are pure. Old objects are only read; what they share with a result must not be
// changed. A Tracker may be used by any number of goroutines.
package patch
