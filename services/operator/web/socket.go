package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/hotpair/hotpair/services/operator/peercred"
	"github.com/hotpair/hotpair/services/pace"
)

// socketLook is how often the path of the socket is checked: the socket is the last access when all else fails.
const socketLook = time.Second

// serveSocket answers at the unix socket until ctx ends. A removed socket is made again.
func (s *Server) serveSocket(ctx context.Context, server *http.Server) {
	for said := ""; ctx.Err() == nil; {
		err := s.listenSocket(ctx, server)
		if ctx.Err() != nil {
			return
		}
		if text := err.Error(); text != said {
			said = text
			s.config.Log.Warn("the unix socket is missing: until it is back root can't operate this host without a token", "path", s.config.Socket, "err", err)
		}
		_ = pace.Rest(ctx, socketLook)
	}
}

// errSocketGone says that the socket's file was removed or replaced.
var errSocketGone = errors.New("the socket's file was removed or replaced")

// listenSocket serves one listener until ctx ends or its file is gone.
func (s *Server) listenSocket(ctx context.Context, server *http.Server) error {
	l, err := peercred.Listen(s.config.Socket)
	if err != nil {
		return err
	}
	made, err := os.Lstat(s.config.Socket)
	if err != nil {
		_ = l.Close()
		return err
	}
	same := func() bool {
		now, err := os.Lstat(s.config.Socket)
		return err == nil && os.SameFile(made, now)
	}
	defer func() {
		if same() {
			_ = os.Remove(s.config.Socket)
		}
	}()
	served := make(chan error, 1)
	go func() { served <- server.Serve(closedOnce{l}) }()
	for {
		if pace.Rest(ctx, socketLook) != nil {
			_ = l.Close()
			<-served
			return ctx.Err()
		}
		if !same() {
			_ = l.Close()
			<-served
			return errSocketGone
		}
	}
}

// closedOnce is a listener whose second end is no error.
type closedOnce struct{ net.Listener }

func (c closedOnce) Close() error {
	if err := c.Listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
