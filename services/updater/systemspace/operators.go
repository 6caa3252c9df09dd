package systemspace

import (
	"context"
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/accounts"
	"github.com/hotpair/hotpair/storage"
)

const (
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
	var next accounts.List
	err := s.Change(ctx, Change{What: "the list of operators", Head: accounts.Key, Turn: s.tables, Tries: operatorsTries},
		func() ([]bus.Operation, uint64, error) {
			list, revision, err := operatorsOf(s.store)
			if err != nil {
				return nil, 0, err
			}
			if next, err = list.Apply(c); err != nil {
				return nil, 0, fmt.Errorf("%w: %w", bus.ErrRefused, err)
			}
			return []bus.Operation{{Key: []byte(accounts.Key), Value: next.Encode()}}, revision, nil
		})
	if errors.Is(err, ErrNotServed) {
		err = fmt.Errorf("%w: %w", bus.ErrRefused, err)
	}
	if err != nil {
		return accounts.List{}, err
	}
	s.committer.Beat()
	return next, nil
}
