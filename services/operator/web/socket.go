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

// socketLook is how often it is looked whether the socket still stands where it is looked for: it is the way in when nothing else is.
const socketLook = time.Second

// serveSocket answers at the unix socket until ctx ends. One that is gone, because somebody tidied up, is made anew.
func (s *Server) serveSocket(ctx context.Context, server *http.Server) {
	for said := ""; ctx.Err() == nil; {
		err := s.listenSocket(ctx, server)
		if ctx.Err() != nil {
			return
		}
		if text := err.Error(); text != said {
			said = text
			s.config.Log.Warn("the unix socket is not there: root can't operate this host without a token until it is", "path", s.config.Socket, "err", err)
		}
		_ = pace.Rest(ctx, socketLook)
	}
}

// errSocketGone says that the socket's file is not the one that was made.
var errSocketGone = errors.New("somebody removed it, or put another in its place")

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
