package supervisor

import (
	"context"
	"strings"
	"time"
)

// rereadWithin is how long main may take to read its files again.
const rereadWithin = 10 * time.Second

// reload has the host read its files again each time that it is told to, until ctx ends.
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

// askMain has main read its files again, and gives what it says of it.
func (s *Supervisor) askMain(ctx context.Context) string {
	r := s.running.Load()
	if r == nil {
		return "no main runs; the next one reads everything"
	}
	ctx, cancel := context.WithTimeout(ctx, rereadWithin)
	defer cancel()
	select {
	case <-r.reread: // of a question that was given up
	default:
	}
	_ = r.socket.SetWriteDeadline(time.Now().Add(rereadWithin)) // of an open socket
	if _, err := r.socket.Write([]byte{reread}); err != nil {
		return "main can't be told: " + err.Error()
	}
	select {
	case outcome := <-r.reread:
		return outcome
	case <-r.over:
		return "main ended meanwhile; the next one reads everything"
	case <-ctx.Done():
		return "main has not answered within " + rereadWithin.String()
	}
}
