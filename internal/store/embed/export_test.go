package embed

// Comparer is for tests that open the database behind the store's back.
var Comparer = comparer

// Pending is how many commits wait for their sync.
func (s *Store) Pending() int {
	s.pendingMu.Lock()
	defer s.pendingMu.Unlock()
	return len(s.pending)
}
