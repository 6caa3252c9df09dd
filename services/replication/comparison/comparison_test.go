package comparison

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/bus/broker"
	"github.com/hotpair/hotpair/storage"
	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
	"github.com/hotpair/hotpair/storage/section"
)

// growing is a database of both hosts that is written to all the time: whenever its history is read there is one entry more.
type growing struct {
	applied uint64
	reads   int
}

var errWithoutEnd = errors.New("it goes on and on")

func (g *growing) Buckets() ([]string, error) { return []string{section.History}, nil }

func (g *growing) Stats() storage.Stats { return storage.Stats{FileBytes: 1 << 20} }

func (g *growing) NextSection(bucket string, after []byte) (section.Content, error) {
	if g.reads++; g.reads > 100 {
		return section.Content{}, errWithoutEnd
	}
	g.applied++
	last := binary.BigEndian.AppendUint64(nil, g.applied)
	return section.Content{Section: section.Section{Bucket: bucket, After: after, Last: last}, Items: 1, Bytes: 10,
		At: history.Mark{Position: position.Position{Epoch: 1, Sequence: g.applied}}}, nil
}

func (g *growing) ReadSection(q section.Section, _ *history.Mark, _ int64, _ section.Detail) (section.Content, error) {
	return section.Content{Section: q, Items: 1, Bytes: 10, At: history.Mark{Position: position.Position{Epoch: 1, Sequence: g.applied}}}, nil
}

func (g *growing) Repair(context.Context, section.Content) (int, error) { return 0, nil }

// A pair that is written to all the time adds to its history while it is compared. The comparison chased its end, for ever where a section
// took longer than a flush.
func TestComparison_OfAHistoryThatGrowsEnds(t *testing.T) {
	server, err := broker.NewServer(broker.ServerConfig{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := server.Start(ctx); err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	conn, err := bus.Connect(ctx, bus.ConnConfig{InProcess: server, Once: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	g := &growing{applied: 5}
	answering, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	answerer := Answerer{Host: "b", Conn: conn, Database: g, Allow: func(uint64) error { return nil }, Moved: func() <-chan struct{} { return nil },
		Failed: func(error) {}, Log: slog.New(slog.DiscardHandler)}
	go func() { ended <- answerer.Run(answering) }()
	c := Comparison{Database: g, Conn: conn, Peer: "b", Epoch: 1, Progress: func(Outcome) {}, Log: slog.New(slog.DiscardHandler)}
	var outcome Outcome
	for { // until the answerer has subscribed
		if outcome, err = c.Run(ctx); !errors.Is(err, bus.ErrNobody) {
			break
		}
	}
	if err != nil || outcome.Done != 1 || outcome.Sections != 1 {
		t.Errorf("%+v, %v", outcome, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
