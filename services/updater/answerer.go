package updater

import (
	"fmt"
	"sync"

	"github.com/hotpair/hotpair/services/replication/comparison"
)

// answerer is what the other host's comparisons talk to.
func (u *updater) answerer() *comparison.Answerer {
	return &comparison.Answerer{
		Host: u.config.Host, Conn: u.journal.Conn(), Database: u.store, Allow: u.comparable, Moved: u.moved.next, Failed: u.fail, Log: u.log,
	}
}

// comparable refuses a comparison that is not led by the active whose standby this host is.
func (u *updater) comparable(epoch uint64) error {
	switch r := u.receiver.State(); {
	case u.present().kind != standby:
		return fmt.Errorf("this host is not standby")
	case r.Inconsistent:
		return errInconsistent
	case !r.Open || r.Term.Epoch != epoch:
		return fmt.Errorf("this host does not follow epoch %d", epoch)
	}
	return nil
}

// pulse wakes its waiters when something has moved.
type pulse struct {
	mu sync.Mutex
	c  chan struct{}
}

// next is closed at the next beat.
func (p *pulse) next() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.c == nil {
		p.c = make(chan struct{})
	}
	return p.c
}

func (p *pulse) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.c != nil {
		close(p.c)
		p.c = nil
	}
}
