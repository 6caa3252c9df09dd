// Package logs is how a process writes its log: beside its work. Whoever logs puts a line into a queue and goes on; one
// goroutine writes. A pipe that nobody reads or a disk that hangs holds up that goroutine and nobody else: a process
// whose log is stuck works as one whose log is not, and says how many lines were lost once there is room again.
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
	// mostLines and mostBytes bound what waits to be written. Beyond them the newest goes: what came first tells why.
	mostLines = 4096
	mostBytes = 1 << 20
	// closeWithin is how long the end of a process waits for its last lines.
	closeWithin = 250 * time.Millisecond
)

// Queue takes lines and has them written, in order. Its methods may be called from anywhere.
type Queue struct {
	to   io.Writer
	own  *slog.Logger // writes to it directly; of the writing goroutine
	some chan struct{}
	done chan struct{} // closed when nothing is written any more

	mu      sync.Mutex
	lines   [][]byte
	bytes   int
	lost    uint64 // since that was told last
	lostAll uint64
	closed  bool
}

// Start makes the log of a process, which goes to a writer that may hold whoever writes, or fail. form makes a logger of
// a writer: it is asked for that of the process, and for one that tells what was lost. Of each kind of line only so many
// pass in a minute.
func Start(to io.Writer, form func(io.Writer) *slog.Logger) (*slog.Logger, *Queue) {
	q := &Queue{to: to, own: form(to), some: make(chan struct{}, 1), done: make(chan struct{})}
	go q.write()
	return slog.New(newBound(form(q).Handler())), q
}

// Write takes a line, or some. It never waits and never fails: what there is no room for is lost, and counted.
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

// Close takes no more lines, and waits for those there are: a moment, because nobody may be there who takes them.
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

// lose counts a line that was lost. The lock is held.
func (q *Queue) lose() { q.lost++; q.lostAll++ }

// next gives the line that is written next, nil when there is none; how many were lost behind the lines so far; and
// whether no more will come.
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
			// What can't be written is lost: a reader that is gone, a disk that is full. The process goes on.
			if n, err := q.to.Write(line); err != nil || n < len(line) {
				q.mu.Lock()
				q.lose()
				q.mu.Unlock()
			}
		case lost > 0 && !q.told(lost):
			q.mu.Lock()
			q.lost += lost // it is told when a line gets through
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

// told says how many lines were lost, in their place, and whether that got through.
func (q *Queue) told(lost uint64) bool {
	r := slog.NewRecord(time.Now(), slog.LevelWarn, "log lines were lost: the reader or the disk was too slow", 0)
	r.Add("lost", lost)
	return q.own.Handler().Handle(context.Background(), r) == nil
}
