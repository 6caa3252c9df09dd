package systemspace

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/accounts"
	"github.com/hotpair/hotpair/services/journal"
	"github.com/hotpair/hotpair/storage"
)

const (
	// operatorsWithin bounds a change: a frame that waits for the other host may take its patience.
	operatorsWithin = 8 * time.Second
	// operatorsTries is how often a change is worked out again because another one came first.
	operatorsTries = 8
)

// operatorsOf reads the list of operators, and the revision under which it stands.
func operatorsOf(s Viewer) (list accounts.List, revision uint64, err error) {
	err = s.View(func(r *storage.Reader) (err error) {
		value, at, _ := r.Get(bus.SystemSpace, []byte(accounts.Key))
		revision = at
		list, err = accounts.Decode(value)
		return err
	})
	return list, revision, err
}

// operators answers accounts.CallList from what is committed, in either role.
func (s *Space) operators(context.Context, accounts.Question) (accounts.List, error) {
	list, _, err := operatorsOf(s.store)
	return list, err
}

// changeOperators answers accounts.CallChange: one update, under the condition that the list is the one it was worked out from.
func (s *Space) changeOperators(ctx context.Context, c accounts.Change) (accounts.List, error) {
	ctx, cancel := context.WithTimeout(ctx, operatorsWithin)
	defer cancel()
	if err := journal.Acquire(ctx, s.tables); err != nil {
		return accounts.List{}, err
	}
	defer s.tables.Release(1)
	for range operatorsTries {
		list, revision, err := operatorsOf(s.store)
		if err != nil {
			return accounts.List{}, err
		}
		next, err := list.Apply(c)
		if err != nil {
			return accounts.List{}, fmt.Errorf("%w: %w", bus.ErrRefused, err)
		}
		reply, err := s.Submit(ctx, []bus.Condition{{Key: []byte(accounts.Key), Revision: revision}}, []bus.Operation{{Key: []byte(accounts.Key), Value: next.Encode()}})
		switch {
		case errors.Is(err, ErrNotServed):
			return accounts.List{}, fmt.Errorf("%w: %w", bus.ErrRefused, err)
		case err != nil:
			return accounts.List{}, err
		case reply.Code == bus.CodeConflict:
			continue
		case reply.Code != bus.CodeOK:
			return accounts.List{}, refusedBy(reply)
		}
		s.committer.Beat()
		return next, nil
	}
	return accounts.List{}, errors.New("the list of operators changes all the time")
}
