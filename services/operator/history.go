package operator

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/hotpair/hotpair/bus"
)

const PathHistory = "/api/v1/history"

const (
	// DefaultHistory and MaxHistory bound a page, in updates.
	DefaultHistory = 50
	MaxHistory     = 1000
)

// PathDiverged gives what a host has set aside.
const PathDiverged = "/api/v1/history/diverged"

// Divergence is the part of a main that shows updates which only its host had, and which were set aside (R10).
type Divergence interface {
	// Diverged gives the files, or the updates of one. ErrUsage: there is no such file.
	Diverged(ctx context.Context, q bus.AsideRequest) (bus.AsidePage, error)
}

// Diverged asks for files set aside, or for the updates of one.
func (c *Client) Diverged(ctx context.Context, q bus.AsideRequest) (bus.AsidePage, error) {
	values := url.Values{}
	if q.File != "" {
		values.Set("file", q.File)
	}
	if q.From > 0 {
		values.Set("from", strconv.Itoa(q.From))
	}
	if q.Limit > 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	var page bus.AsidePage
	return page, c.call(ctx, http.MethodGet, PathDiverged+"?"+values.Encode(), &page)
}
