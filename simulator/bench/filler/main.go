// Filler is the service kv as it is shipped, with one operation more: fill writes many keys as one update, so that a
// database of millions of keys is there within minutes. A pair that is measured with many keys runs it in kv's place:
//
//	HOTPAIR_BUSINESS=kv=/path/to/filler,ledger
//
// It also shows that a business process of one's own needs no more than this page.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/kv"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/process"
)

// most keys of one update: it may have 1 MiB.
const most = 1000

// fill asks to write Count keys from number From on.
type fill struct {
	From  int    `json:"from"`
	Count int    `json:"count"`
	Value string `json:"value"`
}

func main() {
	ctx, stop := process.Context(context.Background())
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "filler:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	c, err := config.Load[config.Business](os.Environ())
	if err != nil {
		return err
	}
	service := kv.Service()
	service.Operations["fill"] = business.Operation{Handler: business.Handle(write)}
	return business.Run(ctx, c, service, slog.New(slog.NewTextHandler(os.Stderr, nil)))
}

func write(_ context.Context, tx *business.Tx, in fill) (any, error) {
	if in.From < 0 || in.Count < 1 || in.Count > most {
		return nil, business.Malformed("from %d, count %d: give 0 or more, and 1 to %d", in.From, in.Count, most)
	}
	value := fmt.Appendf(nil, "%q", in.Value)
	for k := in.From; k < in.From+in.Count; k++ {
		tx.Put(fmt.Sprintf("read-%d", k), value)
	}
	return nil, nil
}
