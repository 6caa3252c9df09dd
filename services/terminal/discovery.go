package terminal

import (
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/hotpair/hotpair/bus"
)

const (
	// mostServices and mostOperations, of each of them, bound a host's list of services; maxSays a description, in
	// bytes.
	mostServices   = 256
	mostOperations = 256
	maxSays        = 512
	// mostQuestions bounds the waiting questions, and questionBytes their size; further ones are dropped, like
	// requests that time out.
	mostQuestions = 1024
	questionBytes = 1 << 20
)

// catalogue has the services for applications that discover services like NATS clients do. It is the last list of the
// attached host, or of the last one that was attached.
type catalogue struct {
	mu       sync.Mutex
	services []bus.AgentService
}

// take records a host's list of services, as far as it is valid.
func (c *catalogue) take(said []bus.AgentService) {
	var list []bus.AgentService
	for _, s := range said[:min(len(said), mostServices)] {
		if !bus.ValidName(s.Name) {
			continue
		}
		s.Operations = slices.DeleteFunc(slices.Clone(s.Operations[:min(len(s.Operations), mostOperations)]), func(o string) bool { return !bus.ValidName(o) })
		s.Version, s.Description = says(s.Version), says(s.Description)
		list = append(list, s)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.services = list
}

func says(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxSays)], "")
}

func (c *catalogue) list() []bus.AgentService {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.services
}

// discover answers $SRV.PING and $SRV.INFO, to all, to a service, or to a service at this terminal.
func (a *Agent) discover(m *nats.Msg) {
	parts := strings.Split(m.Subject, ".")
	if !strings.HasPrefix(m.Reply, inboxPrefix) || len(parts) < 2 || len(parts) > 4 {
		return // without a valid reply subject, or malformed
	}
	for _, s := range a.catalogue.list() {
		if len(parts) > 2 && parts[2] != s.Name || len(parts) > 3 && parts[3] != a.config.ID {
			continue
		}
		identity := micro.ServiceIdentity{Name: s.Name, ID: a.config.ID, Version: s.Version, Metadata: map[string]string{}}
		var answer any = micro.Ping{ServiceIdentity: identity, Type: micro.PingResponseType}
		if parts[1] == micro.InfoVerb.String() {
			info := micro.Info{ServiceIdentity: identity, Type: micro.InfoResponseType, Description: s.Description, Endpoints: []micro.EndpointInfo{}}
			for _, operation := range s.Operations {
				info.Endpoints = append(info.Endpoints, micro.EndpointInfo{Name: operation, Subject: requestPrefix + s.Name + "." + operation, Metadata: map[string]string{}})
			}
			answer = info
		}
		// An error says what it says in answer.
		_ = a.apps.Publish(m.Reply, bus.EncodeJSON(answer))
	}
}
