package processes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/micro"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/processes/programs"
	"github.com/hotpair/hotpair/services/processes/said"
)

// aboutWithin bounds the question for the description of a service.
const aboutWithin = time.Second

// mostOperations bounds the operations that are shown of a service, longestVersion the length of its version.
const (
	mostOperations = 256
	longestVersion = 64
)

// describe asks services for their descriptions. A service that does not answer has none; its state is shown beside
// it.
func (p *Processes) describe(ctx context.Context, list []programs.Service) {
	ctx, cancel := context.WithTimeout(ctx, aboutWithin)
	defer cancel()
	conn, err := p.config.Traffic.Connect(ctx, p.config.Network)
	if err != nil {
		return
	}
	defer conn.Close()
	var asked sync.WaitGroup
	for i := range list {
		if s := &list[i]; s.State == programs.Ready {
			asked.Go(func() { s.Version, s.Operations = about(ctx, conn, s.Service) })
		}
	}
	asked.Wait()
}

// about asks one service.
func about(ctx context.Context, conn bus.Asker, service string) (version string, operations []string) {
	reply, err := conn.Request(ctx, micro.APIPrefix+"."+micro.InfoVerb.String()+"."+service, nil)
	if err != nil {
		return "", nil
	}
	var info struct {
		Version   string `json:"version"`
		Endpoints []struct {
			Subject string `json:"subject"`
		} `json:"endpoints"`
	}
	if bus.DecodeJSON(reply.Data, &info) != nil {
		return "", nil
	}
	for _, e := range info.Endpoints {
		if name, own := strings.CutPrefix(e.Subject, bus.BusinessSubject(service, "")); own && bus.ValidName(name) && len(operations) < mostOperations {
			operations = append(operations, name)
		}
	}
	slices.Sort(operations)
	return strings.ToValidUTF8(info.Version[:min(len(info.Version), longestVersion)], ""), operations
}

// Said returns at most limit lines of a service after a number, and the number to continue after. apart: the service
// is part of this binary, and writes to the log of the host instead. The error is bus.ErrRefused.
func (p *Processes) Said(service string, after uint64, limit int) (lines []said.Line, next uint64, apart bool, err error) {
	k := p.find(bus.ProcessBusiness + "." + service)
	if k == nil || k.service == "" {
		return nil, 0, false, fmt.Errorf("%w: %s has no service %q: HOTPAIR_BUSINESS lists its services", bus.ErrRefused, p.config.Host.Host, service)
	}
	lines, next = k.said.After(after, min(limit, said.MostLines))
	return lines, next, !k.foreign, nil
}
