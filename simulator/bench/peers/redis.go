package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// sentinel is a client of the Redis that the sentinels name, with a connection for each writer.
type sentinel struct {
	client *redis.Client
	try    time.Duration
}

var errOneCopy = errors.New("no replica has it")

func newRedis(j job) (*sentinel, error) {
	if j.Master == "" {
		return nil, fmt.Errorf("%w: master is needed", errJob)
	}
	redis.SetLogger(silence{}) // errors are told with the answers
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: j.Master, SentinelAddrs: j.Endpoints, PoolSize: j.Clients, MaxRetries: -1, // the writer repeats, as all others do
		DialTimeout: j.Try, ReadTimeout: j.Try, WriteTimeout: j.Try,
	})
	return &sentinel{client, j.Try}, nil
}

// write sets a key and waits, in the same trip, until a replica has acknowledged it.
func (s *sentinel) write(ctx context.Context, _ int, key, value string) error {
	pipe := s.client.Pipeline()
	set := pipe.Set(ctx, key, value, 0)
	copies := pipe.Do(ctx, "WAIT", 1, s.try.Milliseconds())
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	if err := set.Err(); err != nil {
		return err
	}
	if n, err := copies.Int(); err != nil || n < 1 {
		return errors.Join(errOneCopy, err)
	}
	return nil
}

func (s *sentinel) close() error { return s.client.Close() }

// silence is a logger of nothing.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}
