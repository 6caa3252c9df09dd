package broker

import (
	"crypto/subtle"
	"net"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats-server/v2/server"
)

// Grant is what a user may do on a server.
type Grant struct {
	Password    string
	Permissions *server.Permissions // nil: everything
	Account     string              // empty: the server's one global account
	Limits      Limits
}

// Users decides which users may connect to one embedded server, and can revoke that at any moment.
//
// Why not the server's own list of users: changing it means reloading options, which switches JetStream off on
// accounts made in code. A callback with a kick by client id has no such effect, and its order is what a fence needs:
// after Revoke returns, no connection of the user is open and none can be opened (R5).
type Users struct {
	mu       sync.Mutex
	server   *server.Server
	grants   map[string]Grant
	clients  map[string][]uint64
	rule     func(user string) (Grant, bool)
	loopback *Grant
	refused  atomic.Uint64
}

// takes reports whether a token is the one required.
func (g Grant) takes(token string) bool {
	return g.Password == "" || subtle.ConstantTimeCompare([]byte(g.Password), []byte(token)) == 1
}

// NewUsers returns an empty list: no user may connect.
func NewUsers() *Users {
	return &Users{grants: map[string]Grant{}, clients: map[string][]uint64{}}
}

// Allow admits a user from now on. It replaces a previous grant of the user, whose open connections stay.
func (u *Users) Allow(user string, grant Grant) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.grants[user] = grant
}

// AllowBy admits from now on the users that a rule grants and no Allow names. Revoke does not affect them.
func (u *Users) AllowBy(rule func(user string) (Grant, bool)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.rule = rule
}

// AllowLoopback admits clients without a user name that connect from this machine and give the password of the grant,
// if it has one, as their token.
func (u *Users) AllowLoopback(grant Grant) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.loopback = &grant
}

// Revoke refuses a user from now on and closes its connections. What the server had already read from such a
// connection may still be processed, so a fence writes its marker after Revoke (R5).
func (u *Users) Revoke(user string) {
	u.mu.Lock()
	delete(u.grants, user)
	clients := u.clients[user]
	delete(u.clients, user)
	srv := u.server
	u.mu.Unlock()
	for _, id := range clients {
		// An error only says that the client has already closed.
		_ = srv.DisconnectClientByID(id)
	}
}

// Refused counts the logins that were refused.
func (u *Users) Refused() uint64 { return u.refused.Load() }

// Check is called by the server for each new connection.
func (u *Users) Check(c server.ClientAuthentication) bool {
	if !u.admits(c) {
		u.refused.Add(1)
		return false
	}
	return true
}

func (u *Users) admits(c server.ClientAuthentication) bool {
	if c.Kind() != server.CLIENT {
		return false
	}
	opts := c.GetOpts()
	u.mu.Lock()
	defer u.mu.Unlock()
	grant, known := u.grants[opts.Username]
	if !known && u.rule != nil {
		grant, known = u.rule(opts.Username)
	}
	switch {
	case opts.Username == "" && u.loopback != nil && isLoopback(c.RemoteAddress()) && u.loopback.takes(opts.Token):
		grant = *u.loopback
	case !known, subtle.ConstantTimeCompare([]byte(grant.Password), []byte(opts.Password)) != 1:
		return false
	}
	user := &server.User{Username: opts.Username, Permissions: grant.Permissions}
	if grant.Account != "" {
		account, err := u.server.LookupAccount(grant.Account)
		if err != nil {
			return false
		}
		user.Account = account
	}
	if opts.JWT != grant.Limits.token { // else a server that shuts down may be reading it
		opts.JWT = grant.Limits.token
	}
	c.RegisterUser(user)
	if opts.Username != "" {
		u.remember(opts.Username, c.GetID())
	}
	return true
}

// remember notes an open connection and forgets those that have ended.
func (u *Users) remember(user string, id uint64) {
	open := u.clients[user][:0]
	for _, other := range u.clients[user] {
		if u.server.GetClient(other) != nil {
			open = append(open, other)
		}
	}
	u.clients[user] = append(open, id)
}

func isLoopback(a net.Addr) bool {
	if a == nil {
		return true // in-process
	}
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.Network() == "pipe"
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
