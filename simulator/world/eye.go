package world

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
)

var (
	// errBothServe: rights to answer overlap.
	errBothServe = errors.New("two hosts may answer at the same time")
	// errTwoActives: an epoch has one active host.
	errTwoActives = errors.New("two hosts were active in one epoch")
	// errResumed: a restarted main never continues a term (R9).
	errResumed = errors.New("resumed a term after its main was started again")
)

// eye reads the log of a world, which contains every change of role, more than any question could show.
type eye struct {
	slog.Handler
	shared     *seen
	attributes []slog.Attr
}

// seen is what the handlers of a world have observed together.
type seen struct {
	mu     sync.Mutex
	active map[uint64]string // by epoch
	lost   map[uint64]bool   // the epochs whose active was started again since
	ends   ends              // of the journals
	failed []error
}

func newEye(log *slog.Logger) *eye {
	return &eye{Handler: log.Handler(), shared: &seen{active: map[uint64]string{}, lost: map[uint64]bool{}, ends: ends{}}}
}

// WithAttrs implements slog.Handler.
func (e *eye) WithAttrs(list []slog.Attr) slog.Handler {
	return &eye{Handler: e.Handler.WithAttrs(list), shared: e.shared, attributes: append(e.attributes[:len(e.attributes):len(e.attributes)], list...)}
}

// Handle implements slog.Handler.
func (e *eye) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "role" {
		e.role(r)
	}
	return e.Handler.Handle(ctx, r)
}

// role records which host was active in an epoch.
func (e *eye) role(r slog.Record) {
	var host, role string
	var epoch uint64
	take := func(a slog.Attr) bool {
		switch a.Key {
		case "host":
			host = a.Value.String()
		case "role":
			role = a.Value.String()
		case "epoch":
			epoch = a.Value.Uint64()
		}
		return true
	}
	for _, a := range e.attributes {
		take(a)
	}
	r.Attrs(take)
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	if role == "starting" {
		for epoch, active := range e.shared.active {
			if active == host {
				e.shared.lost[epoch] = true
			}
		}
	}
	if role != "active" {
		return
	}
	if e.shared.lost[epoch] {
		e.shared.failed = append(e.shared.failed, fmt.Errorf("%w: %s in %d", errResumed, host, epoch))
	}
	if before := e.shared.active[epoch]; before != "" && before != host {
		e.shared.failed = append(e.shared.failed, fmt.Errorf("%w: %s and %s in %d", errTwoActives, before, host, epoch))
	}
	e.shared.active[epoch] = host
}

func (e *eye) fail(err error) {
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	e.shared.failed = append(e.shared.failed, err)
}

// Err returns observed violations. All of them come before the world is closed.
func (e *eye) Err() error {
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	return errors.Join(e.shared.failed...)
}
