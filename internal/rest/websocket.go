package rest

import (
	"io"
	"net/http"
	"strings"

	"golang.org/x/net/websocket"

	"github.com/pintle-io/pintle/internal/object"
)

// isWebSocket says whether the client asks for a WebSocket.
func isWebSocket(r *http.Request) bool {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return false
	}
	for part := range strings.SplitSeq(r.Header.Get("Connection"), ",") {
		if strings.EqualFold(strings.TrimSpace(part), "upgrade") {
			return true
		}
	}
	return false
}

// serveWebSocket sends each event as a message: text where the encoding is text.
func (w *watching) serveWebSocket() {
	c := w.c
	c.w.status = http.StatusSwitchingProtocols
	websocket.Handler(func(ws *websocket.Conn) {
		defer func() { _ = ws.Close() }()
		go func() { // nothing is expected from the client but that it closes
			defer w.ctx.Cancel()
			_, _ = io.Copy(io.Discard, ws)
		}()
		for {
			batch, err := w.events.Next(w.ctx)
			if err != nil && w.ctx.Err() != nil {
				return
			}
			for i := range batch {
				var frame []byte
				if frame, err = w.event(nil, &batch[i]); err != nil {
					break
				}
				if c.send(ws, frame) != nil {
					return
				}
			}
			if err != nil {
				_ = c.send(ws, w.failure(nil, err))
				return
			}
		}
	}).ServeHTTP(&c.w, c.r)
}

func (c *call) send(ws *websocket.Conn, frame []byte) error {
	if c.media.enc == object.JSON {
		return websocket.Message.Send(ws, string(frame))
	}
	return websocket.Message.Send(ws, frame)
}
