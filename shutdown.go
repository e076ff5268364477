package pintle

import (
	"context"
	"net/http"
	"time"
)

// settled is for how long nothing may have been asked before the connections are closed: time for the last answers
// to leave, and for clients of HTTP/2 to learn that they may ask no more.
const settled = 50 * time.Millisecond

// counted counts requests while they are answered, watches among them.
func (s *Server) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.active.Add(1)
		defer s.active.Add(-1)
		next.ServeHTTP(w, r)
	})
}

// shutdown takes no more connections, lets requests finish, and closes connections that nobody uses. What net/http
// does for that alone keeps an idle HTTP/2 connection open for a second.
func (s *Server) shutdown(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.http.Shutdown(ctx) }()
	const look = 5 * time.Millisecond
	tick := time.NewTicker(look)
	defer tick.Stop()
	for quiet := time.Duration(0); quiet < settled; {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
		}
		if quiet += look; s.active.Load() > 0 {
			quiet = 0
		}
	}
	return s.http.Close()
}
