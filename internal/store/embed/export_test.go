package embed

// Comparer is for tests that open the database behind the store's back.
var Comparer = comparer
