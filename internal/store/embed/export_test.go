package embed

// Comparer is for tests that open the database behind the store's back.
var Comparer = comparer

// Pending is how many commits wait for their sync.
func (s *Store) Pending() int {
	s.pendingMu.Lock()
	defer s.pendingMu.Unlock()
	return len(s.pending)
}

// BlockReads counts the blocks that were not in the cache.
func (s *Store) BlockReads() int64 { return s.db.Metrics().BlockCache.Misses }
