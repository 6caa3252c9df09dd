package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/deployments/local"
)

// pathResult is kv.put from terminal to terminal with a number of closed-loop clients.
type pathResult struct {
	Clients int           `json:"clients"`
	Rate    float64       `json:"rate"` // acknowledged updates a second
	P50     time.Duration `json:"p50_ns"`
	P99     time.Duration `json:"p99_ns"`
	P999    time.Duration `json:"p999_ns"`
	Raw     float64       `json:"raw_rate"` // two fsynced copies over TCP, same run
	Ratio   float64       `json:"ratio"`
	CPU     float64       `json:"cpu_us"` // microseconds of processor for each operation, both hosts and terminals
	Failed  int           `json:"failed"`
}

// record is about what one put is in the journal, in bytes.
const record = 200

// warmUp is left out of each measurement.
const warmUp = time.Second

func measurePath(ctx context.Context, s settings, out io.Writer) ([]pathResult, error) {
	c, err := startCluster(ctx, s, 64)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	fmt.Fprintf(out, "%8s %10s %9s %9s %9s %10s %7s %9s\n", "clients", "puts/s", "p50 ms", "p99 ms", "p99.9 ms", "limit/s", "ratio", "cpu us/op")
	var results []pathResult
	for _, n := range []int{1, 8, 64, 256} {
		raw, err := measureRaw(n, record, s.Duration/2)
		if err != nil {
			return nil, fmt.Errorf("limit: %w", err)
		}
		w, err := newWriters(c, n)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		load, end := context.WithTimeout(ctx, warmUp+s.Duration)
		from := began.Add(warmUp)
		before := 0.0
		timer := time.AfterFunc(warmUp, func() { before = c.cpu() })
		w.run(load)
		end()
		timer.Stop()
		used := c.cpu() - before
		took := w.latencies(from, from.Add(s.Duration))
		_, failed := w.gap(from, from)
		w.close()
		r := pathResult{Clients: n, Rate: float64(len(took)) / s.Duration.Seconds(), P50: at(took, 0.5), P99: at(took, 0.99), P999: at(took, 0.999), Raw: raw, Failed: failed}
		r.Ratio = r.Rate / raw
		r.CPU = used * 1e6 / max(float64(len(took)), 1)
		results = append(results, r)
		fmt.Fprintf(out, "%8d %10.0f %9.2f %9.2f %9.2f %10.0f %7.3f %9.0f\n", n, r.Rate, ms(r.P50), ms(r.P99), ms(r.P999), r.Raw, r.Ratio, r.CPU)
		if ctx.Err() != nil {
			return results, ctx.Err()
		}
	}
	return results, nil
}

// cpu is the processor time in seconds that both hosts and the terminals' process have used so far.
func (c *cluster) cpu() float64 {
	total := 0.0
	for _, pid := range c.processes(local.HostA, local.HostB) {
		total += cpuOf(pid)
	}
	return total
}

// processes lists the processes of hosts, by their process groups.
func (c *cluster) processes(hosts ...string) []int {
	groups := map[int]bool{}
	for _, h := range hosts {
		groups[c.file.Hosts[h].PGID] = true
	}
	var pids []int
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if f := statOf(pid); len(f) > 2 {
			if pgid, err := strconv.Atoi(f[2]); err == nil && groups[pgid] {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// statOf gives the fields of /proc/PID/stat from the state on.
func statOf(pid int) []string {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

// ticks of the kernel's clock in a second, as /proc counts.
const ticks = 100

func cpuOf(pid int) float64 {
	f := statOf(pid)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / ticks
}
