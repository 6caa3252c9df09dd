package terminalif

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hotpair/hotpair/bus"
)

// listPage and listPageMost bound a page of terminals with what is known of them.
const (
	listPage     = 500
	listPageMost = 1000
)

// roster is the sessions that there are. Whoever goes through them has a list that does not change; a change makes
// another list.
type roster struct {
	changing sync.Mutex // one change at a time
	list     atomic.Pointer[[]*session]
	revision uint64 // of the table that the list is from; 0: of the environment
}

// all returns the present list, which must not be changed.
func (r *roster) all() []*session {
	if list := r.list.Load(); list != nil {
		return *list
	}
	return nil
}

func (r *roster) set(list []*session) { r.list.Store(&list) }

// setTerminals carries out bus.SetTerminals: sessions of removed terminals are retired, sessions of new ones begin,
// and all others continue unchanged. The same table again changes nothing. Revision 0 is the list of the environment,
// with which this process starts.
func (i *Interface) setTerminals(ctx context.Context, order bus.SetTerminals) error {
	if i.config.KeyOf == nil {
		return fmt.Errorf("%w: this process has no key to derive the terminals' keys from", errOrder)
	}
	if len(order.Terminals) > bus.MaxTerminals {
		return fmt.Errorf("%w: %d terminals, at most %d", errOrder, len(order.Terminals), bus.MaxTerminals)
	}
	i.roster.changing.Lock()
	defer i.roster.changing.Unlock()
	if order.Revision == i.roster.revision {
		return nil
	}
	stays := map[string]*session{}
	for _, s := range i.roster.all() {
		stays[s.id] = s
	}
	list := make([]*session, 0, len(order.Terminals))
	var fresh []*session
	for _, t := range order.Terminals {
		s := stays[t.ID]
		if s == nil || s.url != t.Address {
			s = newSession(t.ID, t.Address, i.config.KeyOf(t.ID), i, i.log)
			fresh = append(fresh, s)
		} else {
			delete(stays, t.ID)
		}
		list = append(list, s)
	}
	i.roster.revision = order.Revision
	i.roster.set(list)
	for _, s := range stays {
		s.retire()
	}
	for _, s := range fresh {
		i.begin(ctx, s)
	}
	i.log.Info("the list of terminals has changed", "terminals", len(list), "new", len(fresh), "gone", len(stays), "revision", order.Revision)
	i.noteChange()
	if t := i.present(); t != nil {
		t.delivery.Listed()
	}
	return nil
}

// begin starts a session; it ends with ctx, or when it is retired.
func (i *Interface) begin(ctx context.Context, s *session) {
	life, end := context.WithCancel(ctx)
	s.mu.Lock()
	s.end = end
	s.mu.Unlock()
	i.goroutines.Go(func() {
		defer end()
		s.run(life)
	})
}

// listTerminals answers bus.ListTerminals.
func (i *Interface) listTerminals(order bus.ListTerminals) bus.ListedTerminals {
	limit := order.Limit
	if limit <= 0 {
		limit = listPage
	}
	page, total, more := i.page(order.After, min(limit, listPageMost))
	result := bus.ListedTerminals{Terminals: []bus.TerminalDetail{}, Total: total, More: more}
	for _, s := range page {
		result.Terminals = append(result.Terminals, s.detail())
	}
	return result
}

// page gives sessions behind an id, in the order of ids.
func (i *Interface) page(after string, limit int) (page []*session, total int, more bool) {
	all := slices.Clone(i.roster.all())
	slices.SortFunc(all, func(a, b *session) int { return cmp.Compare(a.id, b.id) })
	from, found := slices.BinarySearchFunc(all, after, func(s *session, id string) int { return cmp.Compare(s.id, id) })
	if found && after != "" {
		from++
	}
	page = all[from:min(from+limit, len(all))]
	return page, len(all), from+len(page) < len(all)
}
