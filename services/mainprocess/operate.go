package mainprocess

import (
	"context"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process"
	"time"
)

func (h *host) forwarded(m bus.LinkMessage, reply func(bus.LinkReply))                {}
func (h *host) serveHTTP(ctx context.Context) error                                   { <-ctx.Done(); return ctx.Err() }
func (h *host) beater(process.Inheritance) func(context.Context, time.Duration) error { return nil }
