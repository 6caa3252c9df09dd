package operator

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/services/fault"
)

// Role is who may call an operation, and what somebody may call. No role at all may nothing, and an operation without a role is
// nobody's.
type Role string

// Roles, each of which may do what the ones before may.
const (
	Anyone     Role = "anyone"  // whoever asks from the host's own machine, without proof
	View       Role = "view"    // reads; changes nothing
	Operate    Role = "operate" // changes what the pair does, and loses nothing by it
	Administer Role = "admin"   // accepts a loss, changes who belongs to the pair and who operates it, or takes all its data
)

// Roles are those that operators have, the least first.
func Roles() []Role { return []Role{View, Operate, Administer} }

// rank orders roles; 0 is no role.
func (r Role) rank() int { return 1 + slices.Index([]Role{Anyone, View, Operate, Administer}, r) }

// May reports whether who has this role may do what needs another.
func (r Role) May(need Role) bool { return need.rank() > 0 && r.rank() >= need.rank() }

var (
	// ErrToken says that a call did not prove who makes it, or by something that proves nothing any more.
	ErrToken = fault.New("token", "the token is missing or wrong")
	// ErrRole says that who makes a call is known, and may not make it.
	ErrRole = fault.New("role", "the role does not allow it")
)

// Credential is how a person proved who it is.
type Credential string

// Ways. Who proved nothing has none.
const (
	BySocket  Credential = "socket"  // a user of the host's machine, said by its kernel
	ByToken   Credential = "token"   // of a named operator
	BySession Credential = "session" // of the console, begun with a token
	BySetting Credential = "setting" // the token that HOTPAIR_HTTP_TOKEN gives
)

// Person is who makes a call, as far as that is proved.
type Person struct {
	Name       string     `json:"name,omitempty"`  // of an operator, or of a user of the host's machine
	Role       Role       `json:"role,omitempty"`  // what it may do
	Credential Credential `json:"way,omitempty"`   // how it was proved
	Claim      string     `json:"claim,omitempty"` // what it says of itself, which nothing proves: who it was before sudo
}

// Known reports whether it is proved who it is.
func (p Person) Known() bool { return p.Credential != "" }

// String names the person for other people.
func (p Person) String() string {
	switch {
	case !p.Known():
		return "somebody"
	case p.Claim != "":
		return p.Name + " (says it is " + p.Claim + ")"
	}
	return p.Name
}

// Allow refuses what the person may not do. The error is ErrToken for somebody unknown, who may have a token, else ErrRole.
func (p Person) Allow(what string, need Role) error {
	switch {
	case p.Role.May(need):
		return nil
	case !p.Known():
		return fmt.Errorf("%w: %s needs the role %s. On the host's machine root and the host's own user are admin: run hotpair there as one of them. From elsewhere show the token of an operator: HOTPAIR_TOKEN or --token-file for hotpair, Authorization: Bearer … over HTTP; hotpair operators add makes one", ErrToken, what, need)
	}
	return fmt.Errorf("%w: %s needs the role %s, and %s has the role %s: ask an admin of the pair (hotpair operators list)", ErrRole, what, need, p.Name, p.Role)
}

// Caller is who wants something, for the events and the log.
type Caller struct {
	Person
	ID     string `json:"id"`               // one for each call, kept when a standby forwards it
	From   string `json:"from"`             // address of the client, or socket
	Via    string `json:"via"`              // host that took the call
	Reason string `json:"reason,omitempty"` // why, in its own words
}

// By names the caller for people, at the other host too.
func (c Caller) By() string {
	text := c.String()
	if c.From != "" {
		text += " from " + c.From
	}
	if c.Via != "" {
		text += " at " + c.Via
	}
	return text
}

// Headers of HTTP requests by which a client says more than the call.
const (
	HeaderReason = "Hotpair-Reason" // why, percent-encoded
	HeaderClaim  = "Hotpair-Claim"  // who it was before sudo; heard over the unix socket only
)

// MaxReason bounds a reason, in bytes.
const MaxReason = 300

// SocketURL begins the URL of a host that is asked over its unix socket.
const SocketURL = "unix:"

// SocketFile is the unix socket in a host's data directory, unless HOTPAIR_HTTP_SOCKET says another.
const SocketFile = "operator.sock"

// SocketIn is the path of the unix socket of a host with this data directory; set is what HOTPAIR_HTTP_SOCKET says, or empty.
func SocketIn(data, set string) string { return cmp.Or(set, filepath.Join(data, SocketFile)) }

// socketPath gives the path of a URL that names a unix socket.
func socketPath(url string) (path string, is bool) { return strings.CutPrefix(url, SocketURL) }

// For is the status as a person may see it. Somebody who proves nothing learns how the pair is and what to do, and no names of keys,
// terminals, requests or people: no events, and of alarms and audits not what they name.
func (s Status) For(p Person) Status {
	if p.Role.May(View) {
		return s
	}
	s.Events, s.Scheduled, s.Trail, s.Backups, s.Witness.Keys, s.Witness.KeysProblem = nil, nil, nil, s.Backups.Public(), nil, ""
	if s.Pause != nil {
		pause := *s.Pause
		pause.By, s.Pause = "", &pause
	}
	if s.Audit != nil {
		audit := *s.Audit
		audit.Examples, s.Audit = nil, &audit
	}
	s.Alarms = slices.Clone(s.Alarms)
	for i, a := range s.Alarms {
		s.Alarms[i].Text = a.ID + ": operators are told more"
	}
	return s
}
