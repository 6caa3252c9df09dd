package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/hotpair/hotpair/simulator/bench/result"
)

// partsBench runs the benchmarks that stand beside the parts of the path: storage, frames, journal, updater.
type partsBench struct {
	rounds    int
	benchtime string
}

func (p *partsBench) options(f *options) {
	f.IntVar(&p.rounds, "rounds", 5, "runs per benchmark")
	f.StringVar(&p.benchtime, "benchtime", "300ms", "length of each run, as for go test")
	f.inShort("rounds", "2")
	f.inShort("benchtime", "50ms")
}

// part is a benchmark that is run: package and pattern, and what it is called.
type part struct{ pkg, pattern string }

func parts() []part {
	return []part{
		{"storage", "^(BenchmarkStore_Commit|BenchmarkStore_CommitFlush|BenchmarkReader_Get|BenchmarkEntry_Encode|BenchmarkEntry_Decode)$"},
		{"services/journal", "^(BenchmarkFrame|BenchmarkJournal_Append)$"},
		{"services/replication", "^BenchmarkPair_Commit$"},
		{"services/updater", "^BenchmarkCommit$"},
	}
}

func (p *partsBench) measure(ctx context.Context, r *run) error {
	for _, part := range parts() {
		for round := range p.rounds {
			r.say("%s, run %d of %d", part.pkg, round+1, p.rounds)
			cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", part.pattern, "-benchmem", "-benchtime", p.benchtime,
				"-timeout", "10m", "github.com/hotpair/hotpair/"+part.pkg)
			cmd.Stderr = os.Stderr
			out, err := cmd.StdoutPipe()
			if err != nil {
				return fmt.Errorf("benchmarks of %s: %w", part.pkg, err)
			}
			if err := cmd.Start(); err != nil {
				return fmt.Errorf("benchmarks of %s: %w", part.pkg, err)
			}
			found, read := readBenchmarks(out)
			if err := errors.Join(read, cmd.Wait()); err != nil {
				return fmt.Errorf("benchmarks of %s: %w", part.pkg, err)
			}
			for _, b := range found {
				b.tell(r, part.pkg)
			}
		}
	}
	return nil
}

// benchmark is one line of go test -bench.
type benchmark struct {
	name   string
	values map[string]float64 // by unit
	units  []string           // in their order
}

// tell adds what a benchmark measured. Costs are better when less, what is done a second when more.
func (b benchmark) tell(r *run, pkg string) {
	row := pkg + ", " + b.name
	for _, unit := range b.units {
		better := result.Less
		if strings.HasSuffix(unit, "/s") {
			better = result.More
		}
		metric := strings.NewReplacer("ns/op", "time", "B/op", "allocated", "allocs/op", "allocations", "MB/s", "throughput").Replace(unit)
		r.result.Add(row, metric, unit, better, b.values[unit])
	}
	if callers, isCommit := strings.CutPrefix(b.name, "Commit/callers="); isCommit {
		r.result.Add("updater, "+callers+" callers", "rate", "1/s", result.More, b.values["updates/s"])
	}
	r.say("  %-40s %s", b.name, b.text())
}

func (b benchmark) text() string {
	var fields []string
	for _, unit := range b.units {
		fields = append(fields, result.Number(b.values[unit])+" "+unit)
	}
	return strings.Join(fields, "  ")
}

// readBenchmarks takes the lines of benchmarks out of what go test prints.
func readBenchmarks(text io.Reader) (list []benchmark, err error) {
	scanner := bufio.NewScanner(text)
	for scanner.Scan() {
		fields := strings.Fields(scanner.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		if _, err := strconv.Atoi(fields[1]); err != nil {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if i := strings.LastIndexByte(name, '-'); i > 0 { // the number of processors
			name = name[:i]
		}
		b := benchmark{name: name, values: map[string]float64{}}
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return list, fmt.Errorf("line %q: %w", scanner.Text(), err)
			}
			b.values[fields[i+1]] = v
			b.units = append(b.units, fields[i+1])
		}
		list = append(list, b)
	}
	return list, scanner.Err()
}
