package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/peercred"
	"github.com/hotpair/hotpair/simulator/bench/limit"
	"github.com/hotpair/hotpair/simulator/bench/load"
	"github.com/hotpair/hotpair/simulator/bench/proc"
	"github.com/hotpair/hotpair/simulator/bench/result"
	"github.com/hotpair/hotpair/simulator/bench/subject"
)

// growthBench tells how rate, latency and memory change as keys, history and terminals grow.
type growthBench struct {
	of        names
	keys      numbers
	history   int
	terminals numbers
	clients   int
	rounds    int
	duration  time.Duration
	filling   time.Duration
}

func (g *growthBench) options(f *options) {
	g.of = names{"keys", "history", "terminals"}
	g.keys, g.terminals = numbers{1_000, 10_000, 100_000, 1_000_000, 10_000_000}, numbers{1, 50, 1000, 5000}
	f.Var(&g.of, "of", "what grows")
	f.Var(&g.keys, "keys", "numbers of keys, rising")
	f.DurationVar(&g.filling, "filling", 5*time.Minute, "longest time in which keys are brought from one number to the next; what would take longer is left out")
	f.IntVar(&g.history, "history", 40_000, "HOTPAIR_HISTORY_MAX_UPDATES while the history grows to it and beyond")
	f.Var(&g.terminals, "terminals", "numbers of terminals, a cluster for each")
	f.IntVar(&g.clients, "clients", 64, "closed-loop clients")
	f.IntVar(&g.rounds, "rounds", 3, "measurements of each size")
	f.DurationVar(&g.duration, "duration", 2*time.Second, "length of each measurement")
	f.inShort("keys", "1000,20000")
	f.inShort("history", "3000")
	f.inShort("terminals", "1,100")
	f.inShort("rounds", "1")
	f.inShort("duration", "1s")
}

func (g *growthBench) measure(ctx context.Context, r *run) error {
	kinds := map[string]func(context.Context, *run) error{"keys": g.ofKeys, "history": g.ofHistory, "terminals": g.ofTerminals}
	for _, what := range g.of {
		grow, known := kinds[what]
		if !known {
			return fmt.Errorf("%w: -of %q: give %v", errUsage, what, slices.Sorted(maps.Keys(kinds)))
		}
		if err := grow(ctx, r); err != nil {
			return fmt.Errorf("growth of %s: %w", what, err)
		}
	}
	return nil
}

// one measures a size once: reads and writes, beside the limit of that moment, and what the pair holds meanwhile.
func (g *growthBench) one(ctx context.Context, r *run, c *subject.Cluster, row string, work ...load.Operation) error {
	raw, err := limit.Measure(ctx, g.clients, record, g.duration/4)
	if err != nil {
		return err
	}
	for _, o := range work {
		m, err := measureLoad(ctx, c, o, crowd{g.clients, g.clients}, g.duration)
		if err != nil {
			return err
		}
		r.result.Add(row, o.Name+" rate", "1/s", result.More, m.Rate())
		r.result.Add(row, o.Name+" p50", "ms", result.Less, ms(m.At(0.5)))
		r.result.Add(row, o.Name+" p99", "ms", result.Less, ms(m.At(0.99)))
		if o.Writes {
			r.result.Add(row, o.Name+" of the limit", "", result.More, m.Rate()/raw)
		}
		r.say("%-24s %-8s %8.0f/s  p50 %.2f  p99 %.2f ms, %d failed", row, o.Name, m.Rate(), ms(m.At(0.5)), ms(m.At(0.99)), m.Failed)
	}
	return nil
}

// held tells what the hosts hold: memory, threads, goroutines, data on disk.
func (g *growthBench) check(ctx context.Context, r *run, c *subject.Cluster, row string) error {
	active, standby, err := c.Whole(ctx)
	if err != nil {
		return err
	}
	list := c.Processes()
	for host, name := range map[string]string{active: "active", standby: "standby"} {
		m := pssOf(list["host "+host])
		threads := int64(0)
		for _, p := range list["host "+host] {
			threads += proc.Threads(p.PID)
		}
		r.result.Add(row, "memory of the "+name, "MB", result.Less, float64(m.total)/1e6)
		r.result.Add(row, "threads of the "+name, "", result.None, float64(threads))
		for process, pss := range m.by {
			r.result.Add(row+": "+process+" of the "+name, "memory", "MB", result.None, float64(pss)/1e6)
		}
		if n, err := goroutinesOf(ctx, c.File.Hosts[host]); err == nil {
			r.result.Add(row, "goroutines of main of the "+name, "", result.None, n)
		}
		r.result.Add(row, "data of the "+name, "MB", result.None, float64(sizeOf(filepath.Join(c.Dir, host)))/1e6)
	}
	r.result.Add(row, "memory of all terminals", "MB", result.None, float64(pssOf(list["terminals"]).total)/1e6)
	r.say("%-24s active %.0f MB, standby %.0f MB, terminals %.0f MB", row, float64(pssOf(list["host "+active]).total)/1e6,
		float64(pssOf(list["host "+standby]).total)/1e6, float64(pssOf(list["terminals"]).total)/1e6)
	return nil
}

// ofKeys fills the database step by step, by a service that writes many keys as one update.
func (g *growthBench) ofKeys(ctx context.Context, r *run) (err error) {
	dir, err := os.MkdirTemp("", "hotpair-bench-filler-")
	if err != nil {
		return fmt.Errorf("filler: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	filler := filepath.Join(dir, "filler")
	build := exec.CommandContext(ctx, "go", "build", "-o", filler, "github.com/hotpair/hotpair/simulator/bench/filler")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("filler: %w", err)
	}
	c, err := subject.Start(ctx, r.binary, 16, "HOTPAIR_BUSINESS=kv="+filler+",ledger")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	if _, _, err := c.Whole(ctx); err != nil {
		return err
	}
	there, each := 0, time.Duration(0)
	for _, keys := range g.keys {
		if keys <= there {
			return fmt.Errorf("%w: -keys must rise", errUsage)
		}
		// What was needed for each key of the last step is less than what a key of a larger one needs.
		if expected := each * time.Duration(keys-there); expected > g.filling {
			r.result.Note("%s keys are left out: writing %s more would take %s and longer, at the rate of the last ones", result.Number(float64(keys)),
				result.Number(float64(keys-there)), expected.Round(time.Second))
			return nil
		}
		began := time.Now()
		if err := load.Fill(ctx, c.Addresses(), there, keys); err != nil {
			return err
		}
		each = time.Since(began) / time.Duration(keys-there)
		row := result.Number(float64(keys)) + " keys"
		r.say("%s are there, %d more in %s", row, keys-there, time.Since(began).Round(time.Millisecond))
		there = keys
		for range g.rounds {
			if err := g.one(ctx, r, c, row, load.Among(keys), load.GetAmong(keys)); err != nil {
				return err
			}
		}
		if err := g.check(ctx, r, c, row); err != nil {
			return err
		}
	}
	return nil
}

// ofHistory writes until the history is at its bound, and on.
func (g *growthBench) ofHistory(ctx context.Context, r *run) (err error) {
	c, err := subject.Start(ctx, r.binary, 16, "HOTPAIR_HISTORY_MAX_UPDATES="+strconv.Itoa(g.history))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	active, _, err := c.Whole(ctx)
	if err != nil {
		return err
	}
	// Three stretches of each: in the first quarter, in the last half, and when each update pushes an old one out.
	for _, part := range []struct {
		row         string
		least, most float64 // of the bound
	}{{"history beginning", 0, 0.25}, {"history filling", 0.5, 1}, {"history at its bound", 1.1, 1e9}} {
		for measured := 0; measured < g.rounds; {
			s, err := c.Status(ctx, active)
			if err != nil {
				return err
			}
			at := float64(s.Position.Sequence) / float64(g.history)
			if at > part.most && measured > 0 {
				break // it has grown past this part
			}
			if at < part.least {
				if _, err := measureLoad(ctx, c, load.Put(1000), crowd{4 * g.clients, 4 * g.clients}, time.Second); err != nil {
					return err
				}
				continue
			}
			if err := g.one(ctx, r, c, part.row, load.Put(1000)); err != nil {
				return err
			}
			measured++
		}
		if err := g.check(ctx, r, c, part.row); err != nil {
			return err
		}
	}
	return nil
}

func (g *growthBench) ofTerminals(ctx context.Context, r *run) error {
	for _, n := range g.terminals {
		if err := g.withTerminals(ctx, r, n); err != nil {
			return fmt.Errorf("%d terminals: %w", n, err)
		}
	}
	return nil
}

func (g *growthBench) withTerminals(ctx context.Context, r *run, n int) (err error) {
	began := time.Now()
	c, err := subject.Start(ctx, r.binary, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	if _, _, err := c.Whole(ctx); err != nil {
		return err
	}
	row := fmt.Sprintf("%d terminals", n)
	r.say("%s are served after %s", row, time.Since(began).Round(time.Millisecond))
	for range g.rounds {
		if err := g.one(ctx, r, c, row, load.Put(1000), load.Get(1000)); err != nil {
			return err
		}
	}
	return g.check(ctx, r, c, row)
}

var errMetric = errors.New("no such metric")

// goroutinesOf asks the main of a host.
func goroutinesOf(ctx context.Context, host local.HostFile) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	socket := operator.SocketIn(host.Env["HOTPAIR_DATA"], "") // by which the host's own user is let in
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return peercred.Dial(ctx, socket) }}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	return metricIn(response.Body, "go_goroutines")
}

// sizeOf adds up the files of a folder, as far as they take room on the disk.
func sizeOf(folder string) (size int64) {
	// What can't be read or has gone meanwhile has no size.
	_ = filepath.WalkDir(folder, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		if info, err := entry.Info(); err == nil {
			size += info.Size()
		}
		return nil
	})
	return size
}

// metricIn finds a metric without labels in what Prometheus reads. Error: errMetric.
func metricIn(text io.Reader, name string) (float64, error) {
	for scanner := bufio.NewScanner(text); scanner.Scan(); {
		rest, found := strings.CutPrefix(scanner.Text(), name+" ")
		if !found {
			continue
		}
		return strconv.ParseFloat(strings.TrimSpace(rest), 64)
	}
	return 0, fmt.Errorf("%w: %s", errMetric, name)
}
