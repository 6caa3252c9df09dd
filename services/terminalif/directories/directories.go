// Package directories tracks the directories of terminals' agents: each has a random identity, made once, and a new
// one after a new setup. Two directories that alternate are two machines that pass for one terminal.
package directories

import (
	"slices"
	"sync"
	"time"

	"github.com/hotpair/hotpair/bus"
)

const (
	// most bounds the directories remembered of one terminal, and mostName an identity, in bytes: a terminal may send
	// anything.
	most     = 4
	mostName = 64
	// turn is the time within which the return to an earlier directory shows that both are in use. Putting an old disk
	// back in takes longer, and is noticed by that terminal's notices and numbers.
	turn = time.Hour
)

// Seen is what was seen since the process began. The zero value is ready; it may be used by any number of goroutines.
type Seen struct {
	mu    sync.Mutex
	of    map[string][]seen // by terminal, the last one at the end
	state bus.DirectoriesSeen
}

type seen struct {
	directory string
	last      time.Time
}

// Note records the directory that a terminal reports; "": its program does not report it.
func (s *Seen) Note(terminal, directory string, now time.Time) {
	if directory == "" || len(directory) > mostName {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[string][]seen{}
	}
	list := s.of[terminal]
	at := slices.IndexFunc(list, func(d seen) bool { return d.directory == directory })
	switch {
	case at >= 0 && at == len(list)-1, len(list) == 0:
	case at < 0:
		s.state.Renewed++
		s.state.Last = terminal
	case now.Sub(list[at].last) < turn:
		s.state.Twice, s.state.TwiceAt = terminal, now
	}
	if at >= 0 {
		list = slices.Delete(list, at, at+1)
	} else if len(list) == most {
		list = slices.Delete(list, 0, 1)
	}
	s.of[terminal] = append(list, seen{directory, now})
}

// State is what there is to tell.
func (s *Seen) State() bus.DirectoriesSeen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}
