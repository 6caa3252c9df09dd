package registry

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
)

// passed is a call on the link. The login of the link does not prove the caller: anyone who knows it could order a
// switchover in an operator's name. So the main that received the call, and checked the operator's token, signs it
// with a key that never crosses the network; the proof is valid for this call only, for this run of the other main,
// once.
type passed struct {
	bus.LinkSender
	To    uint64          `json:"to,string"` // run of the asked main
	Nonce string          `json:"nonce"`
	Body  json.RawMessage `json:"body"`
	Proof string          `json:"proof"`
}

// asked is a request with its caller.
type asked[Q any] struct {
	Caller  operator.Caller `json:"caller"`
	Request Q               `json:"request"`
}

// pass makes a call for the other main.
func pass[Q any](r *Registry, name string, caller operator.Caller, q Q) passed {
	_, other := r.main.Runs()
	m := passed{LinkSender: r.main.Sender(), To: other, Nonce: rand.Text(), Body: bus.EncodeJSON(asked[Q]{caller, q})}
	m.Proof = m.proof(r.key, name)
	return m
}

// proof returns the signature of a call, which needs the key.
func (m passed) proof(key, name string) string {
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "%q %v %q %d %q ", name, m.Levels, m.Host, m.To, m.Nonce) // never fails
	mac.Write(m.Body)
	return hex.EncodeToString(mac.Sum(nil))
}

// prove verifies and decodes a call. The error is operator.ErrToken without a valid proof, operator.ErrRefused when
// the call was meant for another run of this main, or is a repetition.
func prove[Q any](r *Registry, name string, once bool, m passed) (a asked[Q], err error) {
	if r.key == "" || !hmac.Equal([]byte(m.Proof), []byte(m.proof(r.key, name))) {
		r.main.Unproved(name, m.Host)
		return a, fmt.Errorf("%w: %s came over the link without a valid proof of its caller: HOTPAIR_PAIR_SECRET must be the same on both hosts", operator.ErrToken, name)
	}
	if own, _ := r.main.Runs(); m.To != own {
		return a, fmt.Errorf("%w: %s was meant for an earlier run of this host: ask again", operator.ErrRefused, name)
	}
	if once && !r.done.first(m.Nonce) {
		r.main.Unproved(name, m.Host)
		return a, fmt.Errorf("%w: %s came a second time", operator.ErrRefused, name)
	}
	if err := bus.DecodeJSON(m.Body, &a); err != nil {
		return a, err
	}
	a.Caller.Via = m.Host
	return a, nil
}

// remembered bounds the remembered calls that change something: more than operators make while a main runs.
const remembered = 1 << 16

// onceOnly remembers which calls were executed.
type onceOnly struct {
	mu    sync.Mutex
	come  map[string]bool
	order []string
}

// first reports whether a call is not a repetition.
func (o *onceOnly) first(nonce string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.come[nonce] {
		return false
	}
	if o.come == nil {
		o.come = map[string]bool{}
	}
	if len(o.order) == remembered {
		delete(o.come, o.order[0])
		o.order = o.order[1:]
	}
	o.come[nonce], o.order = true, append(o.order, nonce)
	return true
}
