// Package business is the runtime for business processes written in Go: the part of a process that is the same for
// all of them.
//
// A business process says what its operations do; the runtime does the rest: it connects to the host's bus, takes
// requests in batches or one by one, gives each handler a transaction, commits once for each request, runs the handler
// again when another request was faster, repeats recorded answers, and waits out a restart of the updater.
//
// A process needs none of it: PROTOCOL.md says what goes over the bus, so that a business process can be written in
// any language. Why the runtime is as it is stands in DESIGN.md.
//
//	service := business.Service{
//		Name:    "counter",
//		Version: "1.0.0",
//		Operations: map[string]business.Operation{
//			"add": {Handler: business.Handle(func(_ context.Context, tx *business.Tx, in Add) (any, error) {
//				item, err := tx.Get(in.Name)
//				if err != nil {
//					return nil, err
//				}
//				…
//				tx.Put(in.Name, value)
//				return Added{Count: count}, nil
//			})},
//		},
//	}
//	business.Main(service)
//
// What it guarantees to a handler:
//   - Everything that it reads is of one committed position, also when it reads in several trips.
//   - What it writes takes effect as one update, and only if nothing that it has read was changed meanwhile.
//   - Its effects happen at most once for each request id, however often it is run.
//   - What it has returned is not shown to anyone before it is committed, so a handler may run several times and must
//     have no effect besides its transaction.
package business
