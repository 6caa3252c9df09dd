package terminalif

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// attachPatience is how long an order waits for terminals that do not answer; the others serve meanwhile, and those
	// are attached when they answer.
	attachPatience = 500 * time.Millisecond
	// attachesAtOnce bounds the attaches that are under way to terminals that have nothing to do: enough that thousands behind
	// a slow network are attached within a second, few enough that they do not stand before those whose users wait.
	attachesAtOnce = 256
)

// busiest returns the sessions in the order of attaching: by the number of requests that their terminals reported when
// they lost the other host, or at the last hello. A terminal that lies about it is only attached earlier.
func busiest(all []*session) []*session {
	type ranked struct {
		session *session
		recent  int
	}
	list := make([]ranked, len(all))
	for n, s := range all {
		list[n] = ranked{s, s.pace()}
	}
	slices.SortStableFunc(list, func(a, b ranked) int { return cmp.Compare(b.recent, a.recent) })
	order := make([]*session, len(all))
	for n, r := range list {
		order[n] = r.session
	}
	return order
}

// pace is how many requests the terminal said that it had lately.
func (s *session) pace() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.recent
}

// turn waits until the session may be attached and returns a function to call afterwards. A busy terminal does not
// wait, and one that does not answer delays others at most by attachPatience.
func (s *session) turn(ctx context.Context) (done func(), err error) {
	if s.pace() > 0 {
		return func() {}, nil
	}
	slots := s.owner.attaching
	select {
	case slots <- struct{}{}:
		leave := sync.OnceFunc(func() { <-slots })
		late := time.AfterFunc(attachPatience, leave)
		return func() { late.Stop(); leave() }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
