// Package description is a service's own description, by the conventions of NATS services.
package description

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/hotpair/hotpair/bus"
)

const (
	// batchesKey in the metadata has the value "1" if the service accepts batches.
	batchesKey = "packs"
	// within bounds one question.
	within = 2 * time.Second
)

// Description is a service's own description. The zero Description is of a service that has not sent one.
type Description struct {
	Batches  bool
	Subjects []string // of its endpoints
	Version  string
	Says     string // in a sentence
}

// Ask asks a service for its description. Errors: bus.ErrNobody if no service has that name, ctx's, bus.ErrMalformed.
func Ask(ctx context.Context, conn bus.Asker, name string) (Description, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	reply, err := conn.Request(ctx, micro.APIPrefix+"."+micro.InfoVerb.String()+"."+name, nil)
	if err != nil {
		return Description{}, fmt.Errorf("describe service %s: %w", name, err)
	}
	var info struct {
		Version     string            `json:"version"`
		Description string            `json:"description"`
		Metadata    map[string]string `json:"metadata"`
		Endpoints   []struct {
			Subject string `json:"subject"`
		} `json:"endpoints"`
	}
	if err := bus.DecodeJSON(reply.Data, &info); err != nil {
		return Description{}, fmt.Errorf("describe service %s: %w", name, err)
	}
	about := Description{Batches: info.Metadata[batchesKey] == "1", Version: info.Version, Says: info.Description}
	for _, e := range info.Endpoints {
		about.Subjects = append(about.Subjects, e.Subject)
	}
	return about, nil
}

// Offers reports whether the service says that it listens to an operation.
func (d Description) Offers(service, operation string) bool {
	subject := bus.BusinessSubject(service, operation)
	return slices.ContainsFunc(d.Subjects, func(s string) bool { return s == subject || strings.ContainsAny(s, "*>") })
}

// Operations lists those that it names, in order.
func (d Description) Operations(service string) (list []string) {
	for _, subject := range d.Subjects {
		if operation, own := strings.CutPrefix(subject, bus.BusinessSubject(service, "")); own && bus.ValidName(operation) {
			list = append(list, operation)
		}
	}
	slices.Sort(list)
	return list
}

// longestList bounds the names in Lacking, in bytes: a sentence travels in a header.
const longestList = 400

// Lacking returns a function for the message that the service has no such operation, with the list of those that it
// has: the cause is mostly a typing error. The list is made once, at the first call.
func (d Description) Lacking(service string) func(operation string) string {
	has := sync.OnceValue(func() string {
		list, size := d.Operations(service), 0
		for i, name := range list {
			if size += len(name); size > longestList {
				return fmt.Sprintf("; its operations are %s and %d more", strings.Join(list[:i], ", "), len(list)-i)
			}
		}
		if len(list) == 0 {
			return ""
		}
		return "; its operations are " + strings.Join(list, ", ")
	})
	return func(operation string) string { return "service " + service + " has no operation " + operation + has() }
}
