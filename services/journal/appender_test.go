package journal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// slowStream is a stream on a machine that is busy: it is late before each message of a kind leaves, and slow to store one. It works in
// order and answers in order, refuses a wrong sequence before it writes, and does not answer a write that failed.
type slowStream struct {
	late    map[bool]time.Duration // before a question leaves, before a message does
	stores  time.Duration
	fails   bool
	in      chan *nats.Msg
	answers chan *nats.Msg
	order   []string
}

func isQuestion(m *nats.Msg) bool {
	return m.Header.Get(jetstream.ExpectedLastSeqHeader) == strconv.FormatUint(math.MaxUint64, 10)
}

func (s *slowStream) PublishMsg(m *nats.Msg) error {
	time.Sleep(s.late[isQuestion(m)])
	s.in <- m
	return nil
}

func (s *slowStream) Up() context.Context { return context.Background() }

func (s *slowStream) run(ctx context.Context) {
	for {
		select {
		case m := <-s.in:
			if isQuestion(m) {
				s.order = append(s.order, "question")
				s.answers <- &nats.Msg{Subject: m.Reply, Data: fmt.Appendf(nil, `{"error":{"err_code":%d}}`, codeWrongLast)}
				continue
			}
			s.order = append(s.order, "message")
			time.Sleep(s.stores)
			if !s.fails {
				s.answers <- &nats.Msg{Subject: m.Reply, Data: []byte(`{"seq":8}`)}
			}
		case <-ctx.Done():
			return
		}
	}
}

// The question whether a stream still lives was asked 50 ms after an append was begun, and not after the message had left. On a busy
// machine it overtook the message, was refused as it must be, and a healthy journal counted as dead while its write was
// under way. Whatever is late, only a write that has failed is taken for one.
func TestFault_E5_NoQuestionOvertakesWhatItAsksAbout(t *testing.T) {
	const long = 10 * askAfter
	for _, c := range []struct {
		name                 string
		leaves, asks, stores time.Duration
		fails                bool
	}{
		{name: "nothing is late"},
		{name: "the message leaves late", leaves: long},
		{name: "it leaves late and is stored slowly", leaves: long, stores: long},
		{name: "it is stored slowly", stores: 100 * askAfter},
		{name: "question and store are slow", asks: long, stores: 3 * long},
		{name: "the write fails", fails: true},
		{name: "the message leaves late and its write fails", leaves: long, fails: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				s := &slowStream{late: map[bool]time.Duration{false: c.leaves, true: c.asks}, stores: c.stores, fails: c.fails,
					in: make(chan *nats.Msg, 100), answers: make(chan *nats.Msg, answersWait)}
				go s.run(ctx)
				a := newAppender(s, "subject", "inbox", s.answers, func() error { return nil })
				for range 3 {
					began := time.Now()
					seq, err := a.Append(ctx, 7, []byte("frame"))
					switch {
					case c.fails && !errors.Is(err, errSwallowed):
						t.Fatalf("a write that failed: %d, %v", seq, err)
					case c.fails && time.Since(began) > c.leaves+2*askAfter:
						t.Errorf("a write that failed was noticed after %v", time.Since(began))
					case !c.fails && (err != nil || seq != 8):
						t.Fatalf("%d, %v, after %v", seq, err, s.order)
					}
				}
				if len(s.order) == 0 || s.order[0] != "message" {
					t.Errorf("in the order %v", s.order)
				}
			})
		})
	}
}

// Acknowledgement and refusal came while nobody read them: the first of them counts, however late it is read.
func TestFault_E5_AnAnswerThatLayUnreadCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowStream{late: map[bool]time.Duration{true: time.Second}, stores: 2 * askAfter, in: make(chan *nats.Msg, 100), answers: make(chan *nats.Msg, answersWait)}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.run(ctx)
		a := newAppender(s, "subject", "inbox", s.answers, func() error { return nil })
		// While the question leaves, for a second, the acknowledgement comes; then both lie there.
		if seq, err := a.Append(ctx, 7, []byte("frame")); err != nil || seq != 8 {
			t.Fatal(seq, err)
		}
		// The refusal that is left says nothing of the next message.
		synctest.Wait()
		if seq, err := a.Append(ctx, 7, []byte("frame")); err != nil || seq != 8 {
			t.Fatal(seq, err)
		}
	})
}

// The patience with the stream began while another question of the journal was still waited for, so the second of two slow
// reads ended the process, whatever the stream did.
func TestFault_E5_AReadThatWaitsForItsTurnIsNotTheStreamsSilence(t *testing.T) {
	j := openJournal(t, Config{Patience: 50 * time.Millisecond})
	if err := j.reader.one.Acquire(t.Context(), 1); err != nil { // another one reads, for longer than the patience
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, _, err := j.Read(t.Context(), 1, 1<<20)
		done <- err
	}()
	select {
	case err := <-done:
		t.Errorf("given up while another one reads: %v", err)
	case <-time.After(4 * j.config.Patience):
	}
	j.reader.one.Release(1)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := j.Err(); err != nil {
		t.Errorf("the journal counts as dead: %v", err)
	}
}
