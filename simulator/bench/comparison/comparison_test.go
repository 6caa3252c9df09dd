package comparison

import (
	"testing"
	"time"

	"github.com/hotpair/hotpair/simulator/bench/proc"
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
		{"a pair", map[string]map[string]proc.Usage{"host a": of(1, 2), "host b": of(4), "witness": of(8), "terminals": of(16), "clients": of(32)}, 15, 16, 32},
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
