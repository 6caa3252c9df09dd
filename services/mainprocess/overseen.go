package mainprocess

import (
	"context"

	"github.com/hotpair/hotpair/services/operator/verdict"
	"github.com/hotpair/hotpair/services/reread"
)

// says returns the state of this main as one line.
func (h *host) says() string { return verdict.Line(h.Status(h.ctx)) }

// reread reloads the files that can change while this main runs, and returns the outcome.
func (h *host) reread() string {
	var files []reread.File
	if h.run.wires.Sealed() {
		files = append(files, reread.File{Name: "certificate files", Read: h.run.wires.Reread})
	}
	if h.config.HTTPTlsCert != "" {
		files = append(files, reread.File{Name: "certificate for operators", Read: h.run.web.Reread})
	}
	if h.config.Authority.Issues() {
		files = append(files, reread.File{Name: "issuing key", Read: func(context.Context) error { return h.operations.OpenSeal() }})
	}
	return reread.All(h.ctx, files, nil)
}
