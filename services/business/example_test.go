package business_test

import (
	"context"
	"fmt"
	"strconv"

	"github.com/hotpair/hotpair/services/business"
	"github.com/hotpair/hotpair/services/business/businesstest"
)

// Stock is what a shop has of an article. Take asks for some of it, Left answers how much is left.
type (
	Stock struct {
		Article string `json:"article"`
		Pieces  int    `json:"pieces"`
	}
	Take struct {
		Article string `json:"article"`
		Pieces  int    `json:"pieces"`
	}
	Left struct {
		Pieces int `json:"pieces"`
	}
)

// shop is a whole service: each operation reads and writes in one transaction, which takes effect once for each request,
// on both hosts, before it is answered.
func shop() business.Service {
	return business.Service{
		Name:    "shop",
		Version: "1.0.0",
		Operations: map[string]business.Operation{
			"stock": {Handler: business.Handle(func(_ context.Context, tx *business.Tx, in Stock) (any, error) {
				if in.Article == "" || in.Pieces < 0 {
					return nil, business.Malformed("field \"article\" is missing, or \"pieces\" is below 0")
				}
				tx.Put(in.Article, []byte(strconv.Itoa(in.Pieces)))
				return Left{Pieces: in.Pieces}, nil
			})},
			"take": {Handler: business.Handle(func(_ context.Context, tx *business.Tx, in Take) (any, error) {
				item, err := tx.Get(in.Article)
				if err != nil {
					return nil, err
				}
				if !item.Found {
					return nil, business.NotFound("there is no article %q", in.Article)
				}
				pieces, err := strconv.Atoi(string(item.Value))
				if err != nil {
					return nil, err
				}
				if in.Pieces < 1 || in.Pieces > pieces {
					return nil, business.Conflict("%d pieces are left", pieces)
				}
				tx.Put(in.Article, []byte(strconv.Itoa(pieces-in.Pieces)))
				return Left{Pieces: pieces - in.Pieces}, nil
			})},
		},
	}
}

// A whole service, and how it is tried: on the bus of a host with a database, without a pair.
func Example() {
	test := &example{}
	defer test.end()
	host := businesstest.NewHost(test)
	host.Run(shop())
	for n, request := range []struct{ operation, body string }{
		{"stock", `{"article":"lamp","pieces":3}`},
		{"take", `{"article":"lamp","pieces":2}`},
		{"take", `{"article":"lamp","pieces":2}`},
		{"take", `{"article":"chair","pieces":1}`},
	} {
		reply := host.Call(businesstest.Numbered(uint64(n+1), "shop", request.operation, request.body))
		fmt.Println(request.operation, reply.Code, string(reply.Body)+reply.Message)
	}
	// The terminal did not hear the second answer and asks again: nothing is taken twice.
	again := host.Call(businesstest.Numbered(2, "shop", "take", `{"article":"lamp","pieces":2}`))
	fmt.Println("again", again.Code, string(again.Body))
	// Output:
	// stock 0 {"pieces":3}
	// take 0 {"pieces":1}
	// take 409 1 pieces are left
	// take 404 there is no article "chair"
	// again 0 {"pieces":1}
}

// example stands in for a test (businesstest.TB).
type example struct{ cleanups []func() }

func (e *example) Helper()                           {}
func (e *example) Cleanup(f func())                  { e.cleanups = append(e.cleanups, f) }
func (e *example) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (e *example) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (e *example) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (e *example) end() {
	for i := len(e.cleanups) - 1; i >= 0; i-- {
		e.cleanups[i]()
	}
}
