package e2e_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/simulator/pair"
)

// TestSnapshot_BothSidesAreKilledDuringIt lets a host be away for longer than the history of 1,000 updates reaches back, so
// that it needs a copy of everything, and kills first the one that takes the copy and then the one that gives it.
func TestSnapshot_BothSidesAreKilledDuringIt(t *testing.T) {
	c := startCluster(t, []string{"--terminals", "10"}, "HOTPAIR_HISTORY_MAX_UPDATES=1000")
	w := c.startWork(200)
	c.awaitPaired()
	const values, size = 1500, 16 << 10
	c.fill("large", values, size)
	active, before := c.mustActive()
	standby := pair.Other(active)
	c.order("kill", standby)
	c.fill("small", 2000, 16) // the load alone would take its time for so many
	c.awaitUpdates(before.Committed.Sequence + 2000)

	c.order("start", standby)
	c.awaitCopy(standby)
	c.order("kill", standby)
	c.awaitUpdates(before.Committed.Sequence + 2200)

	c.order("start", standby)
	c.awaitCopy(standby)
	c.order("kill", active)
	// Half a copy is no database: its host may not serve, by no force, and waits for the one that has the rest.
	c.Await(healWithin, "standby that waits in the middle of a snapshot transfer", func() bool {
		s, err := c.Status(standby)
		return err == nil && s.Role == "standby" && strings.Contains(s.WaitingFor, "its snapshot transfer continues then")
	})
	if text, err := c.hotpair("promote", "--force", "--dir", c.Dir, "--host", standby, "--accept-loss", "unknown"); err == nil || !strings.Contains(text, "a snapshot transfer to this host is unfinished") {
		t.Errorf("forced in the middle of a snapshot transfer: %v\n%s", err, text)
	}
	s, err := c.Status(standby)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s waits, %s: %s", standby, s.Mode, s.WaitingFor)
	c.order("start", active)
	took := c.awaitPaired()
	t.Logf("measured: in sync %s after the host that gave the copy was started again", took.Round(time.Millisecond))
	if now, _ := c.mustActive(); now != active {
		t.Errorf("%s serves, though it had only a part of a copy", now)
	}
	w.finish()
	c.compareHistories()
	// What was copied must be served by the host that got it.
	c.handOver()
	c.Await(healWithin, "switchover", func() bool { now, _ := c.active(); return now == standby })
	c.verifyFill("large", values, size)
	c.interrupt()
}

// awaitUpdates waits until a sequence is committed.
func (c *cluster) awaitUpdates(sequence uint64) {
	c.Helper()
	c.Await(healWithin, fmt.Sprintf("update %d", sequence), func() bool { _, s := c.active(); return s.Committed.Sequence >= sequence })
}

// awaitCopy waits until a host is in the middle of a copy.
func (c *cluster) awaitCopy(host string) {
	c.Helper()
	took := c.Await(healWithin, "copy to "+host, func() bool { s, err := c.Status(host); return err == nil && s.Mode == "copying" })
	s, err := c.Status(host)
	if err != nil {
		c.Fatal(err)
	}
	c.Logf("measured: %s is copying after %s: %+v", host, took.Round(time.Millisecond), s.CatchUp)
}

func (c *cluster) eachKey(prefix string, count int, do func(nc *nats.Conn, key string) error) {
	c.Helper()
	nc, err := nats.Connect(c.File().Terminals[0].Address)
	if err != nil {
		c.Fatal(err)
	}
	defer nc.Close()
	var work errgroup.Group
	work.SetLimit(16)
	for i := range count {
		work.Go(func() error { return do(nc, fmt.Sprintf("%s/%d", prefix, i)) })
	}
	if err := work.Wait(); err != nil {
		c.Fatal(err)
	}
}

// fill puts values of a size, each its own text.
func (c *cluster) fill(prefix string, count, size int) {
	c.Helper()
	began := time.Now()
	c.eachKey(prefix, count, func(nc *nats.Conn, key string) error {
		body, err := json.Marshal(map[string]string{"key": key, "value": valueOf(key, size)})
		if err != nil {
			return err
		}
		_, err = ask(nc, "request.kv.put", body)
		return err
	})
	c.Logf("measured: %d values of %d KiB put in %s", count, size>>10, time.Since(began).Round(time.Millisecond))
}

// verifyFill reads them back.
func (c *cluster) verifyFill(prefix string, count, size int) {
	c.Helper()
	c.eachKey(prefix, count, func(nc *nats.Conn, key string) error {
		body, err := json.Marshal(map[string]string{"key": key})
		if err != nil {
			return err
		}
		reply, err := ask(nc, "request.kv.get", body)
		if err != nil {
			return err
		}
		var got struct {
			Value string `json:"value"`
		}
		if err := json.Unmarshal(reply, &got); err != nil {
			return err
		}
		if got.Value != valueOf(key, size) {
			return fmt.Errorf("%s has %d bytes that were not put there", key, len(got.Value))
		}
		return nil
	})
}

func ask(nc *nats.Conn, subject string, body []byte) ([]byte, error) {
	reply, err := nc.Request(subject, body, 40*time.Second)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", subject, err)
	}
	if code := reply.Header.Get(bus.HeaderErrorCode); code != "" {
		return nil, fmt.Errorf("%s: %s %s", subject, code, reply.Header.Get(bus.HeaderError))
	}
	return reply.Data, nil
}

// valueOf is text that can't be made small, and is the same for the same key.
func valueOf(key string, size int) string {
	var seed [32]byte
	copy(seed[:], key)
	random := rand.New(rand.NewChaCha8(seed))
	var b strings.Builder
	for b.Len() < size {
		fmt.Fprintf(&b, "%016x", random.Uint64())
	}
	return b.String()
}
