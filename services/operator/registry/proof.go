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

// passed is a call on its way over the link. The login of the link proves nothing of who asks: whoever knows it could have the pair
// switched over in an operator's name. So the main that took the call, and checked the operator's token, vouches for it with a key
// that crosses no line; what it vouches for is this call alone, asked of this run of the other main, once.
type passed struct {
	bus.LinkSender
	To    uint64          `json:"to,string"` // run of the main that is asked
	Nonce string          `json:"nonce"`
	Body  json.RawMessage `json:"body"`
	Proof string          `json:"proof"`
}

// asked is what was asked, and who did.
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

// proof is what only who knows the key can give.
func (m passed) proof(key, name string) string {
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "%q %v %q %d %q ", name, m.Levels, m.Host, m.To, m.Nonce) // never fails
	mac.Write(m.Body)
	return hex.EncodeToString(mac.Sum(nil))
}

// prove reads a call that proves who asked. The error is operator.ErrToken when it does not, operator.ErrRefused when it was meant
// for another run of this main, or has come before.
func prove[Q any](r *Registry, name string, once bool, m passed) (a asked[Q], err error) {
	if r.key == "" || !hmac.Equal([]byte(m.Proof), []byte(m.proof(r.key, name))) {
		r.main.Unproved(name, m.Host)
		return a, fmt.Errorf("%w: %s came over the link without the proof of who asked: HOTPAIR_PAIR_SECRET must be the same on both hosts", operator.ErrToken, name)
	}
	if own, _ := r.main.Runs(); m.To != own {
		return a, fmt.Errorf("%w: %s was asked of an earlier run of this host: ask again", operator.ErrRefused, name)
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

// remembered bounds the calls that are known to have come, of those that change something: more than operators make while a main runs.
const remembered = 1 << 16

// onceOnly knows which calls have come.
type onceOnly struct {
	mu    sync.Mutex
	come  map[string]bool
	order []string
}

// first reports whether a call has not come before.
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
