package journal

import (
	"crypto/rand"
	"fmt"

	"github.com/hotpair/hotpair/bus/broker"
)

// Grant lets one session of the other host append, until the next Fence or Revoke. Only the term of the last Fence of
// this process is granted, so that nothing is granted that was not fenced before: otherwise ErrFenced. An earlier grant
// of the same term is revoked.
func (j *Journal) Grant(t Term) (Credentials, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if t == (Term{}) || t != j.fence.Term || j.unsure {
		return Credentials{}, fmt.Errorf("grant %v: %w: the journal is fenced for %v", t, ErrFenced, j.fence.Term)
	}
	j.revoke()
	user := fmt.Sprintf("session-%d-%d", t.Epoch, t.Session)
	c := Credentials{User: user, Password: rand.Text(), Inbox: "inbox." + user, Last: j.last}
	j.users.Allow(user, broker.Grant{
		Password:    c.Password,
		Permissions: broker.Permit([]string{j.subject}, []string{c.Inbox + ".>"}),
	})
	j.granted = append(j.granted, user)
	// From here on the stream's end is the session's to move.
	j.unsure = true
	return c, nil
}

// Revoke ends every grant and closes the connections.
func (j *Journal) Revoke() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.revoke()
}

func (j *Journal) revoke() {
	for _, user := range j.granted {
		j.users.Revoke(user)
	}
	j.granted = nil
}
