package operator

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/services/fault"
)

// Role is the permission of a caller, and the permission that an operation needs. A caller without a role may call
// nothing, and an operation without a role can be called by nobody.
type Role string

// Roles, each of which includes the ones before.
const (
	Anyone     Role = "anyone"  // any caller on the host's own machine, without proof
	View       Role = "view"    // reads only
	Operate    Role = "operate" // changes what the pair does, without a loss
	Administer Role = "admin"   // accepts a loss, changes members and operators of the pair, or reads all its data
)

// Roles are the roles of operators, the least first.
func Roles() []Role { return []Role{View, Operate, Administer} }

// rank orders roles; 0 is no role.
func (r Role) rank() int { return 1 + slices.Index([]Role{Anyone, View, Operate, Administer}, r) }

// May reports whether a caller with this role may call an operation that needs the given one.
func (r Role) May(need Role) bool { return need.rank() > 0 && r.rank() >= need.rank() }

var (
	// ErrToken says that a call carried no valid proof of its caller.
	ErrToken = fault.New("token", "the token is missing or wrong")
	// ErrRole says that the caller is known, and may not make the call.
	ErrRole = fault.New("role", "the role does not allow it")
)

// Credential is how a caller proved its identity.
type Credential string

// Credentials. A caller without proof has none.
const (
	BySocket  Credential = "socket"  // a user of the host's machine, known by its kernel
	ByToken   Credential = "token"   // of a named operator
	BySession Credential = "session" // of the console, begun with a token
	BySetting Credential = "setting" // the token that HOTPAIR_HTTP_TOKEN gives
)

// Person is the caller, as far as proved.
type Person struct {
	Name       string     `json:"name,omitempty"`  // of an operator, or of a user of the host's machine
	Role       Role       `json:"role,omitempty"`  // its permission
	Credential Credential `json:"way,omitempty"`   // how the name was proved
	Claim      string     `json:"claim,omitempty"` // the user before sudo, as claimed by the caller without proof
}

// Known reports whether the identity is proved.
func (p Person) Known() bool { return p.Credential != "" }

// String names the person in messages.
func (p Person) String() string {
	switch {
	case !p.Known():
		return "somebody"
	case p.Claim != "":
		return p.Name + " (claims to be " + p.Claim + ")"
	}
	return p.Name
}

// Allow refuses a call that the person may not make. The error is ErrToken for an unknown person, otherwise ErrRole.
func (p Person) Allow(what string, need Role) error {
	switch {
	case p.Role.May(need):
		return nil
	case !p.Known():
		return fmt.Errorf("%w: %s needs the role %s. On the host's machine root and the host's own user are admin: run hotpair there as one of them. From elsewhere give an operator's token: HOTPAIR_TOKEN or --token-file for hotpair, Authorization: Bearer … over HTTP; hotpair operators add makes one", ErrToken, what, need)
	}
	return fmt.Errorf("%w: %s needs the role %s, and %s has the role %s: ask an admin of the pair (hotpair operators list)", ErrRole, what, need, p.Name, p.Role)
}

// Caller identifies a call and its caller, for the events and the log.
type Caller struct {
	Person
	ID     string `json:"id"`               // one for each call, kept when a standby forwards it
	From   string `json:"from"`             // address of the client, or socket
	Via    string `json:"via"`              // host that received the call
	Reason string `json:"reason,omitempty"` // given by the caller
}

// By names the caller in messages, on both hosts.
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

// Headers of HTTP requests with details of a call.
const (
	HeaderReason = "Hotpair-Reason" // the reason, percent-encoded
	HeaderClaim  = "Hotpair-Claim"  // the user before sudo; read over the unix socket only
)

// MaxReason bounds a reason, in bytes.
const MaxReason = 300

// SocketURL begins the URL of a host's unix socket.
const SocketURL = "unix:"

// SocketFile is the unix socket in a host's data directory, unless HOTPAIR_HTTP_SOCKET sets another.
const SocketFile = "operator.sock"

// SocketIn returns the path of the unix socket of a host with this data directory; set is HOTPAIR_HTTP_SOCKET, or
// empty.
func SocketIn(data, set string) string { return cmp.Or(set, filepath.Join(data, SocketFile)) }

// socketPath returns the path of a URL that names a unix socket.
func socketPath(url string) (path string, is bool) { return strings.CutPrefix(url, SocketURL) }

// For returns the status as a person may see it. Without proof it shows the state of the pair and remedies, but no
// names of keys, terminals, requests or people: no events, and alarms and audits without what they name.
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
		s.Alarms[i].Text = a.ID + ": shown in full to operators only"
	}
	return s
}
