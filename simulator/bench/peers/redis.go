package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// sentinel is a client of the Redis that the sentinels name. Its connections are shared: what gathers while one is busy goes
// together with its next trip, since WAIT would hold up everything behind it on the connection.
type sentinel struct {
	client *redis.Client
	try    time.Duration
	queues []chan *request // of each connection
	trips  sync.WaitGroup
}

// request is one write, or one read, and where its end is told.
type request struct {
	ctx        context.Context
	key, value string // no value: it is read
	done       chan error
}

var errOneCopy = errors.New("no replica has it")

// mostTogether bounds a trip.
const mostTogether = 256

func newRedis(j job) (*sentinel, error) {
	if j.Master == "" {
		return nil, fmt.Errorf("%w: master is required", errJob)
	}
	redis.SetLogger(silence{}) // errors are told with the answers
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: j.Master, SentinelAddrs: j.Endpoints, PoolSize: j.Connections, MaxRetries: -1, // the client repeats, as all others do
		DialTimeout: j.Try, ReadTimeout: j.Try, WriteTimeout: j.Try,
	})
	s := &sentinel{client: client, try: j.Try}
	for range j.Connections {
		queue := make(chan *request, mostTogether)
		s.queues = append(s.queues, queue)
		s.trips.Go(func() {
			for first := range queue {
				s.trip(gather(first, queue))
			}
		})
	}
	return s, nil
}

// gather takes what waits, without waiting for more.
func gather(first *request, queue <-chan *request) []*request {
	list := []*request{first}
	for len(list) < mostTogether {
		select {
		case next, open := <-queue:
			if !open {
				return list
			}
			list = append(list, next)
		default:
			return list
		}
	}
	return list
}

// trip sends requests as one, and with writes asks for a replica's acknowledgement of all of them behind the last.
func (s *sentinel) trip(list []*request) {
	ctx, cancel := context.WithTimeout(context.Background(), s.try)
	defer cancel()
	pipe, writes := s.client.Pipeline(), false
	commands := make([]redis.Cmder, len(list))
	for i, r := range list {
		switch {
		case r.ctx.Err() != nil: // nobody waits for it any more
		case r.value == "":
			commands[i] = pipe.Get(ctx, r.key)
		default:
			commands[i], writes = pipe.Set(ctx, r.key, r.value, 0), true
		}
	}
	copies := redis.NewCmd(ctx)
	if writes {
		copies = pipe.Do(ctx, "WAIT", 1, s.try.Milliseconds())
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	kept := error(nil)
	if n, err := copies.Int(); writes && (err != nil || n < 1) {
		kept = errors.Join(errOneCopy, err)
	}
	for i, r := range list {
		err := r.ctx.Err()
		if commands[i] != nil {
			err = commands[i].Err()
		}
		switch {
		case errors.Is(err, redis.Nil):
			err = errAbsent
		case err == nil && r.value != "":
			err = kept
		}
		r.done <- err
	}
}

// ask has a request go with the next trip of the client's connection.
func (s *sentinel) ask(ctx context.Context, client int, key, value string) error {
	r := &request{ctx, key, value, make(chan error, 1)}
	select {
	case s.queues[client%len(s.queues)] <- r:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write sets a key and waits until a replica has acknowledged it.
func (s *sentinel) write(ctx context.Context, client int, key, value string) error {
	return s.ask(ctx, client, key, value)
}

// read asks the master.
func (s *sentinel) read(ctx context.Context, client int, key string) error {
	return s.ask(ctx, client, key, "")
}

// close must not be called while somebody writes or reads.
func (s *sentinel) close() error {
	for _, queue := range s.queues {
		close(queue)
	}
	s.trips.Wait()
	return s.client.Close()
}

// silence is a logger of nothing.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}
