// Package limit measures what the machine itself allows: the rate at which records can be kept in two fsynced copies
// with group commit over TCP. Clients hand records to one committer, which writes what has gathered to its own file and
// to a second one behind a connection, has both fsynced, and then lets the clients go on. No format, no checks, no reads:
// nothing that keeps two copies can be faster. It is measured in the same run as everything else, in turns, so that a
// rate can be told as a share of it.
package limit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Measure gives the records a second of so many clients, each of which waits for a record before it hands over the next.
// The duration is that of the measurement; the first tenth before it is not counted.
func Measure(ctx context.Context, clients, record int, duration time.Duration) (rate float64, err error) {
	dir, err := os.MkdirTemp("", "hotpair-limit-")
	if err != nil {
		return 0, fmt.Errorf("limit: %w", err)
	}
	defer os.RemoveAll(dir)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("limit: %w", err)
	}
	defer listener.Close()
	copied := make(chan error, 1)
	go func() { copied <- KeepCopy(listener, filepath.Join(dir, "b")) }()
	c, err := NewCommitter(filepath.Join(dir, "a"), listener.Addr().String(), record, clients)
	if err != nil {
		return 0, fmt.Errorf("limit: %w", err)
	}
	committed := make(chan error, 1)
	go func() { committed <- c.Run() }()
	rate = c.load(ctx, clients, duration)
	c.Close()
	if err = <-committed; err != nil {
		err = fmt.Errorf("commit: %w", err)
	}
	if err = errors.Join(err, <-copied); err != nil {
		return 0, fmt.Errorf("limit: %w", err)
	}
	return rate, ctx.Err()
}

// load lets the clients hand records over and counts those that are kept within the duration.
func (c *Committer) load(ctx context.Context, clients int, duration time.Duration) float64 {
	warm, stop := time.Now().Add(duration/10), time.Now().Add(duration/10+duration)
	var kept atomic.Int64
	var working sync.WaitGroup
	for range clients {
		working.Go(func() {
			done := make(chan bool, 1)
			for ctx.Err() == nil {
				c.Keep(func(kept bool) { done <- kept })
				if !<-done {
					return
				}
				now := time.Now()
				if now.After(stop) {
					return
				}
				if now.After(warm) {
					kept.Add(1)
				}
			}
		})
	}
	working.Wait()
	return float64(kept.Load()) / duration.Seconds()
}

// Committer keeps records of one size in a file of its own and in a copy behind a connection.
type Committer struct {
	file    *os.File
	conn    net.Conn
	record  int
	waiting chan func(kept bool)
}

// NewCommitter makes the file and connects to the copy, which KeepCopy keeps. It works while Run runs. bound is how many
// records may wait before Keep does.
func NewCommitter(path, copy string, record, bound int) (*Committer, error) {
	conn, err := net.Dial("tcp", copy)
	if err != nil {
		return nil, err
	}
	file, err := os.Create(path)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &Committer{file: file, conn: conn, record: record, waiting: make(chan func(bool), bound)}, nil
}

// Keep hands over a record; done is told whether both copies are flushed. It must not be called after Close.
func (c *Committer) Keep(done func(kept bool)) { c.waiting <- done }

// Run commits what waits until Close. After an error it keeps nothing and says so to each. The connection ends with it, and so
// does the copy.
func (c *Committer) Run() (failed error) {
	defer c.conn.Close()
	defer c.file.Close()
	for first := range c.waiting {
		batch := []func(bool){first}
		for more := true; more; {
			select {
			case next, open := <-c.waiting:
				if open {
					batch = append(batch, next)
				}
				more = open
			default:
				more = false
			}
		}
		if failed == nil {
			failed = c.commit(len(batch))
		}
		for _, done := range batch {
			done(failed == nil)
		}
	}
	return failed
}

// Close lets Run end when nothing waits any more.
func (c *Committer) Close() { close(c.waiting) }

func (c *Committer) commit(records int) error {
	data := make([]byte, 4+c.record*records)
	binary.BigEndian.PutUint32(data, uint32(c.record*records))
	if _, err := c.conn.Write(data); err != nil {
		return err
	}
	if _, err := c.file.Write(data[4:]); err != nil {
		return err
	}
	if err := c.file.Sync(); err != nil {
		return err
	}
	var ack [1]byte
	_, err := io.ReadFull(c.conn, ack[:])
	return err
}

// KeepCopy is the other host: it writes, fsyncs, acknowledges, until the committer that connects ends.
func KeepCopy(listener net.Listener, path string) error {
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	var head [4]byte
	for {
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("copy: %w", err)
		}
		data := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(conn, data); err != nil {
			return fmt.Errorf("copy: %w", err)
		}
		if _, err := file.Write(data); err != nil {
			return err
		}
		if err := file.Sync(); err != nil {
			return err
		}
		if _, err := conn.Write([]byte{1}); err != nil {
			return err
		}
	}
}
