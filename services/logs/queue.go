// Package logs writes the log of a process concurrently with its work. A log call puts a line into a queue and
// returns; one goroutine writes. A pipe without a reader or a disk that hangs blocks that goroutine only: the process
// keeps working, and reports how many lines were lost once there is room again.
//
//	log, lines := logs.Start(os.Stderr, form)
//	defer lines.Close()
//	log.Info("never waits")
package logs

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	// mostLines and mostBytes bound the waiting lines. Beyond them new lines are dropped: the first ones tell why.
	mostLines = 4096
	mostBytes = 1 << 20
	// closeWithin is how long the end of a process waits for its last lines.
	closeWithin = 250 * time.Millisecond
)

// Queue receives lines and writes them in order. Its methods may be called from any goroutine.
type Queue struct {
	to   io.Writer
	own  *slog.Logger // writes to it directly; of the writing goroutine
	some chan struct{}
	done chan struct{} // closed when nothing is written any more

	mu      sync.Mutex
	lines   [][]byte
	bytes   int
	lost    uint64 // since the last report
	lostAll uint64
	closed  bool
}

// Start returns the log of a process, for a writer that may block or fail. form makes a logger of a writer: it is
// called for the logger of the process, and for one that reports lost lines. Of each kind of line only a number pass
// in a minute.
func Start(to io.Writer, form func(io.Writer) *slog.Logger) (*slog.Logger, *Queue) {
	q := &Queue{to: to, own: form(to), some: make(chan struct{}, 1), done: make(chan struct{})}
	go q.write()
	return slog.New(newBound(form(q).Handler())), q
}

// Write queues one or more lines. It never waits and never fails: lines without room are dropped, and counted.
func (q *Queue) Write(text []byte) (int, error) {
	q.mu.Lock()
	switch {
	case q.closed, len(q.lines) >= mostLines, q.bytes+len(text) > mostBytes:
		q.lose()
	default:
		q.lines = append(q.lines, bytes.Clone(text))
		q.bytes += len(text)
	}
	q.mu.Unlock()
	q.wake()
	return len(text), nil
}

// Lost is how many lines were lost since the process started.
func (q *Queue) Lost() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.lostAll
}

// Close accepts no more lines, and waits briefly for the queued ones.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.wake()
	patience := time.NewTimer(closeWithin)
	defer patience.Stop()
	select {
	case <-q.done:
	case <-patience.C:
	}
}

func (q *Queue) wake() {
	select {
	case q.some <- struct{}{}:
	default:
	}
}

// lose counts a lost line. The lock is held.
func (q *Queue) lose() { q.lost++; q.lostAll++ }

// next returns the line to write, nil for none; how many lines were lost after the previous one; and whether the
// queue is closed.
func (q *Queue) next() (line []byte, lost uint64, over bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lines) == 0 {
		lost, q.lost = q.lost, 0
		return nil, lost, q.closed
	}
	line, q.lines[0] = q.lines[0], nil
	q.lines = q.lines[1:]
	q.bytes -= len(line)
	return line, 0, false
}

func (q *Queue) write() {
	defer close(q.done)
	for {
		line, lost, over := q.next()
		switch {
		case line != nil:
			// A failed write is lost: a reader that is gone, a full disk. The process continues.
			if n, err := q.to.Write(line); err != nil || n < len(line) {
				q.mu.Lock()
				q.lose()
				q.mu.Unlock()
			}
		case lost > 0 && !q.told(lost):
			q.mu.Lock()
			q.lost += lost // reported when a line is written
			q.mu.Unlock()
			if over {
				return
			}
			<-q.some
		case lost > 0:
		case over:
			return
		default:
			<-q.some
		}
	}
}

// told reports the lost lines, in their place in the log, and returns whether that succeeded.
func (q *Queue) told(lost uint64) bool {
	r := slog.NewRecord(time.Now(), slog.LevelWarn, "log lines were lost: the reader or the disk was too slow", 0)
	r.Add("lost", lost)
	return q.own.Handler().Handle(context.Background(), r) == nil
}
