// Peers is the client side of what the pair is measured against: closed loops that write to, or read from, etcd and Redis with
// Sentinel, through those projects' own Go clients, and share connections as the pair's own do. It knows nothing of the pair, and
// is a module of its own so that the pair's binary does not depend on what only a measurement needs.
//
// A job comes as JSON on standard input. Once every client has been answered, one line "working" goes to standard output;
// when the job's time is over, or standard input ends, one line of JSON with every answer follows.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// job says what to do. The reader of the answers has the same shape.
type job struct {
	System      string        `json:"system"` // etcd, redis
	Endpoints   []string      `json:"endpoints"`
	Master      string        `json:"master"` // what the sentinels call it
	Clients     int           `json:"clients"`
	Connections int           `json:"connections"` // that the clients share
	Reads       bool          `json:"reads"`       // they read what is written before, and write nothing
	Duration    time.Duration `json:"duration_ns"`
	Try         time.Duration `json:"try_ns"` // how long an application waits for an answer before it tries again
}

// outcome is what every client saw: pairs of a time (nanoseconds since 1970) and how long the answer took (nanoseconds).
type outcome struct {
	Answers [][][2]int64 `json:"answers"`
	Failed  [][]int64    `json:"failed"` // times of tries without a positive answer
	Errors  []string     `json:"errors"` // different texts of the last ones
}

// store makes durable writes, kept in two copies at least, and reads that see all of them, for clients that are numbered from 0.
type store interface {
	write(ctx context.Context, client int, key, value string) error
	read(ctx context.Context, client int, key string) error
	close() error
}

var (
	errJob    = errors.New("wrong job")
	errAbsent = errors.New("nothing is there")
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	var j job
	lines := bufio.NewReader(in)
	text, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read job: %w", err)
	}
	if err := json.Unmarshal(text, &j); err != nil {
		return fmt.Errorf("%w: %w", errJob, err)
	}
	if j.Clients < 1 || j.Connections < 1 || j.Try <= 0 || j.Duration <= 0 || len(j.Endpoints) == 0 {
		return fmt.Errorf("%w: clients, connections, try_ns, duration_ns and endpoints are required", errJob)
	}
	ctx, cancel := context.WithTimeout(context.Background(), j.Duration)
	defer cancel()
	go func() { // ends with standard input, at the latest with the process
		_, _ = io.Copy(io.Discard, lines)
		cancel()
	}()
	o, err := work(ctx, j, func() { fmt.Fprintln(out, "working") })
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(o)
}

func open(j job) (store, error) {
	switch j.System {
	case "etcd":
		return newEtcd(j)
	case "redis":
		return newRedis(j)
	}
	return nil, fmt.Errorf("%w: unknown system %q: use etcd or redis", errJob, j.System)
}

// value is of the size that the pair's own clients write.
const value = `"0123456789012345678901234567890123456789"`

// keys of each writer, written in turn; as many are read by all together. So do the pair's own clients.
const keys = 1000

// fillers put what is read in place, at the same time.
const fillers = 16

// pause after a try that failed.
const pause = 5 * time.Millisecond

func work(ctx context.Context, j job, working func()) (outcome, error) {
	o := outcome{Answers: make([][][2]int64, j.Clients), Failed: make([][]int64, j.Clients)}
	s, err := open(j)
	if err != nil {
		return o, err
	}
	defer s.close() // the process ends soon
	ask := func(ctx context.Context, client, n int) error {
		return s.write(ctx, client, fmt.Sprintf("bench-%d-%d", client, n%keys), value)
	}
	if j.Reads {
		fill(ctx, s, j.Try)
		ask = func(ctx context.Context, client, n int) error { return s.read(ctx, client, readKey(client*7919+n)) }
	}
	var missing atomic.Int64
	missing.Store(int64(j.Clients))
	texts := map[string]bool{}
	var mu sync.Mutex
	var group sync.WaitGroup
	for i := range j.Clients {
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				began := time.Now()
				err := within(ctx, j.Try, func(ctx context.Context) error { return ask(ctx, i, n) })
				now := time.Now()
				if err != nil {
					o.Failed[i] = append(o.Failed[i], now.UnixNano())
					mu.Lock()
					if len(texts) < 20 {
						texts[err.Error()] = true
					}
					mu.Unlock()
					time.Sleep(pause)
					continue
				}
				o.Answers[i] = append(o.Answers[i], [2]int64{now.UnixNano(), int64(now.Sub(began))})
				if len(o.Answers[i]) == 1 && missing.Add(-1) == 0 {
					working()
				}
			}
		})
	}
	group.Wait()
	for text := range texts {
		o.Errors = append(o.Errors, text)
	}
	return o, nil
}

// within is one try. The end of the work does not cut it off.
func within(ctx context.Context, try time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), try)
	defer cancel()
	return ask(ctx)
}

func readKey(n int) string { return fmt.Sprintf("read-%d", n%keys) }

// fill writes all that is read, each key until it is there or the work ends.
func fill(ctx context.Context, s store, try time.Duration) {
	var group sync.WaitGroup
	for i := range fillers {
		group.Go(func() {
			for n := i; n < keys && ctx.Err() == nil; {
				if within(ctx, try, func(ctx context.Context) error { return s.write(ctx, i, readKey(n), value) }) != nil {
					time.Sleep(pause)
					continue
				}
				n += fillers
			}
		})
	}
	group.Wait()
}
