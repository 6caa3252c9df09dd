package supervisor

import (
	"context"
	"strings"
	"time"
)

// rereadWithin is how long main may take to reload its files.
const rereadWithin = 10 * time.Second

// reload reloads the host's files on each request, until ctx ends.
func (s *Supervisor) reload(ctx context.Context) {
	for {
		select {
		case <-s.hangups:
		case <-ctx.Done():
			return
		}
		s.Unit.Reloading()
		outcome := strings.Join(append(s.Host.Stale(), s.askMain(ctx)), "; ")
		s.Logger.Info("files read again", "outcome", outcome)
		s.Unit.Reloaded(outcome)
	}
}

// askMain asks main to reload its files, and returns the outcome.
func (s *Supervisor) askMain(ctx context.Context) string {
	r := s.running.Load()
	if r == nil {
		return "main does not run; it reads all files when it starts"
	}
	ctx, cancel := context.WithTimeout(ctx, rereadWithin)
	defer cancel()
	select {
	case <-r.reread: // of an abandoned question
	default:
	}
	_ = r.socket.SetWriteDeadline(time.Now().Add(rereadWithin)) // of an open socket
	if _, err := r.socket.Write([]byte{reread}); err != nil {
		return "could not tell main: " + err.Error()
	}
	select {
	case outcome := <-r.reread:
		return outcome
	case <-r.over:
		return "main ended before it answered; it reads all files when it restarts"
	case <-ctx.Done():
		return "main did not answer within " + rereadWithin.String()
	}
}
