// Peers is the client side of what the pair is measured against: closed-loop writers of etcd and of Redis with Sentinel,
// through those projects' own Go clients. It knows nothing of the pair, and is a module of its own so that the pair's
// binary does not depend on what only a measurement needs.
//
// A job comes as JSON on standard input. Once every writer has been answered, one line "working" goes to standard output;
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
	System    string        `json:"system"` // etcd, redis
	Endpoints []string      `json:"endpoints"`
	Master    string        `json:"master"` // what the sentinels call it
	Clients   int           `json:"clients"`
	Duration  time.Duration `json:"duration_ns"`
	Try       time.Duration `json:"try_ns"` // how long an application waits for an answer before it tries again
}

// outcome is what every writer saw: pairs of a time (nanoseconds since 1970) and how long the answer took (nanoseconds).
type outcome struct {
	Answers [][][2]int64 `json:"answers"`
	Failed  [][]int64    `json:"failed"` // times of tries without a positive answer
	Errors  []string     `json:"errors"` // different texts of the last ones
}

// store makes durable writes, kept in two copies at least, for writers that are numbered from 0.
type store interface {
	write(ctx context.Context, writer int, key, value string) error
	close() error
}

var errJob = errors.New("wrong job")

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
	if j.Clients < 1 || j.Try <= 0 || j.Duration <= 0 || len(j.Endpoints) == 0 {
		return fmt.Errorf("%w: clients, try_ns, duration_ns and endpoints are needed", errJob)
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
	return nil, fmt.Errorf("%w: system %q: etcd or redis", errJob, j.System)
}

// value is of the size that the pair's own clients write.
const value = `"0123456789012345678901234567890123456789"`

// keys of each writer, written in turn, as the pair's own clients do.
const keys = 1000

// pause after a try that failed.
const pause = 5 * time.Millisecond

func work(ctx context.Context, j job, working func()) (outcome, error) {
	o := outcome{Answers: make([][][2]int64, j.Clients), Failed: make([][]int64, j.Clients)}
	var missing atomic.Int64
	missing.Store(int64(j.Clients))
	texts := map[string]bool{}
	var mu sync.Mutex
	var group sync.WaitGroup
	s, err := open(j)
	if err != nil {
		return o, err
	}
	defer s.close() // the process ends soon
	for i := range j.Clients {
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				key := fmt.Sprintf("bench-%d-%d", i, n%keys)
				began := time.Now()
				try, cancel := context.WithTimeout(context.WithoutCancel(ctx), j.Try)
				err := s.write(try, i, key, value)
				cancel()
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
