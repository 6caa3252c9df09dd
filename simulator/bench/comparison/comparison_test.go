package comparison

import (
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/simulator/bench/proc"
	"github.com/hotpair/hotpair/simulator/bench/result"
)

func TestRow_SaysWhoSharesWhat(t *testing.T) {
	for _, c := range []struct {
		work   Work
		system string
		want   string
	}{
		{Work{Clients: 1}, Pair, "hotpair, 1 clients"},
		{Work{Clients: 8}, Etcd, "etcd, 8 clients"},
		{Work{Clients: 64}, Redis, "redis, 64 clients on 8 connections"},
		{Work{Clients: 64}, Limit, "limit, 64 clients"},
		{Work{Clients: 1, Reads: true}, Pair, "hotpair, reads, 1 clients"},
		{Work{Clients: 64, Reads: true}, StandIns, "hotpair at stand-ins, reads, 64 clients on 8 connections"},
	} {
		if got := c.work.Row(c.system); got != c.want {
			t.Errorf("%+v of %s: %q, want %q", c.work, c.system, got, c.want)
		}
	}
}

func TestCosts_TellServersFromAllElse(t *testing.T) {
	of := func(ms ...int) map[string]proc.Usage {
		m := map[string]proc.Usage{}
		for i, n := range ms {
			m[string(rune('a'+i))] = proc.Usage{CPU: time.Duration(n) * time.Millisecond}
		}
		return m
	}
	for _, c := range []struct {
		name                     string
		used                     map[string]map[string]proc.Usage
		servers, agents, clients int
	}{
		{"nobody", nil, 0, 0, 0},
		{"a pair", map[string]map[string]proc.Usage{
			"host a": of(1, 2), "host b": of(4), "witness": of(8), "terminals": of(16), "clients": of(32),
		}, 15, 16, 32},
		{"another", map[string]map[string]proc.Usage{"etcd": of(1, 2, 4), "clients": of(8, 16)}, 7, 0, 24},
	} {
		servers, agents, clients := Costs(c.used)
		for i, want := range []int{c.servers, c.agents, c.clients} {
			if got := []proc.Usage{servers, agents, clients}[i].CPU; got != time.Duration(want)*time.Millisecond {
				t.Errorf("%s, part %d: %s, want %d ms", c.name, i, got, want)
			}
		}
	}
}

func TestTables_ShowWhatWasMeasuredAndNothingElse(t *testing.T) {
	r := &result.Result{What: "peers"}
	one, many, read := Work{Clients: 1}, Work{Clients: 64}, Work{Clients: 1, Reads: true}
	r.Add(one.Row(Limit), Rate, "1/s", result.None, 5000)
	r.Add(one.Row(Etcd), Rate, "1/s", result.None, 1500, 1600, 1400)
	r.Add(one.Row(Pair), Rate, "1/s", result.More, 900)
	r.Add(one.Row(Pair), P50, "ms", result.Less, 0.9)
	r.Add(one.Row(Pair), Times(Etcd), "", result.More, 0.6)
	r.Add(many.Row(Pair), Servers, "µs/request", result.Less, 150)
	r.Add(read.Row(Etcd), Rate, "1/s", result.None, 2000)
	r.Add(LossRow(Pair, Shipped, Killed), Gap, "ms", result.Less, 20, 14, 45)
	r.Add(LossRow(Etcd, Tuned, Frozen), Gap, "ms", result.None, 384)
	goals := []result.Goal{
		{What: "peers", Row: one.Row(Pair), Metric: Rate, Unit: "1/s", Of: result.Median, Limit: 2000, Better: result.More},
		{What: "peers", Row: one.Row(Pair), Metric: P50, Unit: "ms", Of: result.Median, Limit: 0.55, Better: result.Less},
		{What: "peers", Row: one.Row(Pair), Metric: Times(Etcd), Of: result.Median, Limit: 1.3, Better: result.More},
		{What: "peers", Row: LossRow(Pair, Shipped, Killed), Metric: Gap, Unit: "ms", Of: result.Worst, Limit: 40, Better: result.Less},
		{What: "path", Row: many.Row(Pair), Metric: Rate, Unit: "1/s", Of: result.Median, Limit: 1, Better: result.More},
	}
	got := Tables(r, goals)
	for _, want := range []string{
		"| requests per second | 1 client | 8 | 64 | 256 | read 1 | read 64 |\n",
		"| physical limit: two flushed copies over TCP, group commit | 5,000 |  |  |  |  |  |\n",
		"| etcd, 3 nodes | 1,500 (1,400–1,600) |  |  |  | 2,000 |  |\n",
		"| **hotpair** | 900; p50 0.9 ms |  |  |  |  |  |\n",
		"| hotpair / etcd, per round | 0.6 |  |  |  |  |  |\n",
		"| goal for hotpair | ≥ 2,000 1/s; p50 ≤ 0.55 ms; ≥ 1.30 times etcd |  |  |  |  |  |\n",
		"| **hotpair**: 2 hosts, witness |  |  | 150 |  |  |  |\n",
		"| SIGKILL of the leader | 20 (14–45) ms, n=3 |  | worst ≤ 40 ms |\n",
		"| SIGSTOP of the leader |  | 384 ms, n=1 |  |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "Redis") || strings.Contains(got, "stand-ins") {
		t.Errorf("rows of what was not measured:\n%s", got)
	}
}
