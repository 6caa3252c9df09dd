package access

import (
	"crypto/rand"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/accounts"
)

const (
	// sessionLasts bounds a session, sessionIdle the time without use.
	sessionLasts = 12 * time.Hour
	sessionIdle  = time.Hour
	// mostSessions bounds all sessions, mostOfOne those of one token. One too many ends the least recently used one.
	mostSessions = 200
	mostOfOne    = 10
)

// session is one login of the console. It ends with its token.
type session struct {
	digest string // of the token
	began  time.Time
	used   time.Time
}

// sessions are in memory only: a restart of main ends them, and the other host knows none of them.
type sessions struct {
	mu   sync.Mutex
	open map[string]*session // by the digest of the cookie's value
}

// begin makes a session and returns the value of its cookie.
func (s *sessions) begin(digest string, now time.Time) (cookie string) {
	cookie = rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[string]*session{}
	}
	of := 0
	for id, o := range s.open {
		switch {
		case o.over(now):
			delete(s.open, id)
		case o.digest == digest:
			of++
		}
	}
	if of >= mostOfOne {
		s.drop(func(o *session) bool { return o.digest == digest })
	}
	if len(s.open) >= mostSessions {
		s.drop(func(*session) bool { return true })
	}
	s.open[accounts.Digest(cookie)] = &session{digest: digest, began: now, used: now}
	return cookie
}

func (o *session) over(now time.Time) bool {
	return now.Sub(o.began) >= sessionLasts || now.Sub(o.used) >= sessionIdle
}

// drop ends the least recently used of the chosen sessions.
func (s *sessions) drop(some func(*session) bool) {
	oldest := ""
	for id, o := range s.open {
		if some(o) && (oldest == "" || o.used.Before(s.open[oldest].used)) {
			oldest = id
		}
	}
	delete(s.open, oldest)
}

// use returns the digest of the token with which a session began; false when there is none.
func (s *sessions) use(cookie string, now time.Time) (digest string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := accounts.Digest(cookie)
	o := s.open[id]
	if o == nil {
		return "", false
	}
	if o.over(now) {
		delete(s.open, id)
		return "", false
	}
	o.used = now
	return o.digest, true
}

// end ends a session.
func (s *sessions) end(cookie string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, accounts.Digest(cookie))
}
