package load

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/bus"
)

// scattered gives a number below n that lies anywhere, so that neighbours in time are none in the database.
func scattered(client, i, n int) int {
	x := uint64(client)<<32 + uint64(i)
	// splitmix64
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return int((x ^ x>>31) % uint64(n))
}

// Among writes keys anywhere among so many, that Fill has written.
func Among(keys int) Operation {
	return Operation{Name: "kv.put", Writes: true, Body: func(client, n int) []byte {
		return fmt.Appendf(nil, `{"key":"read-%d","value":"`+value+`"}`, scattered(client, n, keys))
	}}
}

// GetAmong reads keys anywhere among so many, that Fill has written.
func GetAmong(keys int) Operation {
	return Operation{Name: "kv.get", Body: func(client, n int) []byte {
		return fmt.Appendf(nil, `{"key":"read-%d"}`, scattered(client, n, keys))
	}}
}

const (
	// fillers write at the same time, fillAtOnce keys as one update.
	fillers    = 8
	fillAtOnce = 1000
)

// Fill writes the keys from one number to another by the operation kv.fill, which a pair has whose kv is package filler.
func Fill(ctx context.Context, addresses []string, from, to int) error {
	var next atomic.Int64
	next.Store(int64(from))
	work, ctx := errgroup.WithContext(ctx)
	for i := range fillers {
		work.Go(func() error {
			conn, err := nats.Connect(addresses[i%len(addresses)])
			if err != nil {
				return fmt.Errorf("%w: fill: %w", ErrPrepare, err)
			}
			defer conn.Close()
			for {
				begin := int(next.Add(fillAtOnce)) - fillAtOnce
				if begin >= to {
					return nil
				}
				body := fmt.Appendf(nil, `{"from":%d,"count":%d,"value":"`+value+`"}`, begin, min(fillAtOnce, to-begin))
				if err := fill(ctx, conn, body); err != nil {
					return err
				}
			}
		})
	}
	return work.Wait()
}

func fill(ctx context.Context, conn *nats.Conn, body []byte) error {
	within, cancel := context.WithTimeout(ctx, AnswerWithin)
	defer cancel()
	m, err := conn.RequestWithContext(within, "request.kv.fill", body)
	if err == nil && m.Header.Get(bus.HeaderErrorCode) != "" {
		err = errors.New(m.Header.Get(bus.HeaderError))
	}
	if err != nil {
		return fmt.Errorf("%w: fill: %w", ErrPrepare, err)
	}
	return nil
}
