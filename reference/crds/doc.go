// Package crds proves the server on CustomResourceDefinitions that others wrote: what the published modules of
// modules.txt ship, read from their zips and never copied here, is given to a server, and each answer must be the one
// that the real kube-apiserver gave.
//
// Its nouns: the Corpus is what the modules ship, definitions and objects of them; a target is a running server; an
// exchange is one request with a name, an answer is what came back with its volatile parts taken out. A stage is a
// list of exchanges in a fixed order: definitions, samples, fuzz. The reference's answers are recorded in testdata as
// one line each, a code and a hash, and what a person needs to read.
//
//	go test .                        every stage on pintle, against the recordings
//	go test . -live                  on pintle and the reference, both running; differences are shown in full
//	go test . -live -n 5000 -seed 7  more and other fuzz; implies that the reference runs
//	go test . -record                ask the reference and write the recordings anew
//	go test . -cost -run TestCost    CPU and memory of a definition, on both
//
// Everything is deterministic for a seed: the same requests in the same order go to either server, so an exchange that
// depends on an earlier one (an update, a name that is taken) is compared as well. Requests of the fuzz stage are dry
// runs and go out several at a time.
package crds
