package main

import (
	"slices"

	"github.com/hotpair/hotpair/simulator/bench/comparison"
	"github.com/hotpair/hotpair/simulator/bench/result"
)

// goals are what the design promises.
func goals() []result.Goal {
	path := func(row, metric string, limit float64, better result.Better, text string) result.Goal {
		return result.Goal{What: "path", Row: row, Metric: metric, Unit: map[string]string{"rate": "1/s", "p50": "ms", "p99": "ms"}[metric], Of: result.Median, Limit: limit, Better: better, Text: text}
	}
	takeover := func(row string, of result.Statistic, limit float64, text string) result.Goal {
		return result.Goal{What: "takeover", Row: row, Metric: "gap", Unit: "ms", Of: of, Limit: limit, Better: result.Less, Text: text}
	}
	standins := func(row, metric string, limit float64, text string) result.Goal {
		return result.Goal{What: "standins", Row: row, Metric: metric, Unit: "ms", Of: result.Median, Limit: limit, Better: result.Less, Text: text}
	}
	return slices.Concat(besideOthers(), []result.Goal{
		takeover("host killed, 50 terminals", result.Median, 50, "SIGKILL of the active host, 50 terminals"),
		takeover("host killed, 50 terminals", result.Worst, 150, "SIGKILL of the active host, 50 terminals"),
		takeover("main killed, 50 terminals", result.Median, 50, "SIGKILL of its main, 50 terminals"),
		takeover("main killed, 50 terminals", result.Worst, 150, "SIGKILL of its main, 50 terminals"),
		takeover("standby killed, 50 terminals", result.Median, 30, "SIGKILL of the standby host, 50 terminals"),
		takeover("switchover, 50 terminals", result.Median, 25, "planned switchover, 50 terminals"),
		{What: "takeover", Row: "switchover, 50 terminals", Metric: "failed requests", Of: result.Worst, Limit: 0, Better: result.Less, Text: "planned switchover, 50 terminals"},
		takeover("main frozen, 50 terminals", result.Worst, 1250, "frozen main, 50 terminals, lease 1 s"),
		takeover("host frozen, 50 terminals", result.Worst, 1250, "frozen host, 50 terminals, lease 1 s"),
		takeover("link cut, 10 terminals", result.Worst, 1250, "link cut, 10 terminals, lease 1 s"),
		takeover("active cut off, 10 terminals", result.Worst, 1250, "active cut off, 10 terminals, lease 1 s"),
		takeover("business.kv killed, 50 terminals", result.Median, 100, "SIGKILL of a business process, 50 terminals"),
		takeover("terminal-if killed, 50 terminals", result.Median, 100, "SIGKILL of terminal-if, 50 terminals"),
		takeover("updater killed, 50 terminals", result.Median, 100, "SIGKILL of the updater, 50 terminals"),
		{What: "takeover", Row: "host killed, 1000 terminals", Metric: "last terminal", Unit: "ms", Of: result.Median, Limit: 400, Better: result.Less, Text: "SIGKILL of the active host, 1,000 terminals"},
		standins("host killed, 50 stand-ins", "gap", 50, "SIGKILL of the active host, 50 stand-ins"),
		standins("main killed, 50 stand-ins", "gap", 50, "SIGKILL of its main, 50 stand-ins"),
		standins("standby killed, 50 stand-ins", "gap", 30, "SIGKILL of the standby host, 50 stand-ins"),
		standins("switchover, 50 stand-ins", "gap", 25, "planned switchover, 50 stand-ins"),
		standins("host killed, 1000 stand-ins", "last terminal", 400, "SIGKILL of the active host, 1,000 stand-ins"),
		path("kv.put, 64 clients", "p99", 15, result.Less, "kv.put, 64 clients, one connection each"),
		{What: "parts", Row: "updater, 64 callers", Metric: "rate", Unit: "1/s", Of: result.Median, Limit: 20000, Better: result.More, Text: "updates sent to the updater directly, 64 callers"},
		{What: "growth", Row: "5000 terminals", Metric: "memory of the active", Unit: "MB", Of: result.Median, Limit: 512, Better: result.Less, Text: "one host that serves 5,000 terminals"},
		{What: "idle", Row: "host a", Metric: "memory", Unit: "MB", Of: result.Worst, Limit: 150, Better: result.Less, Text: "idle host a"},
		{What: "idle", Row: "host b", Metric: "memory", Unit: "MB", Of: result.Worst, Limit: 150, Better: result.Less, Text: "idle host b"},
		{What: "idle", Row: "host a", Metric: "processor", Unit: "% of a core", Of: result.Worst, Limit: 3, Better: result.Less, Text: "idle host a"},
		{What: "idle", Row: "host b", Metric: "processor", Unit: "% of a core", Of: result.Worst, Limit: 3, Better: result.Less, Text: "idle host b"},
		{What: "steady", Row: "lease 1s", Metric: "takeovers", Of: result.Worst, Limit: 0, Better: result.Less, Text: "external full load, lease 1 s"},
		{What: "steady", Row: "lease 250ms", Metric: "takeovers", Of: result.Worst, Limit: 0, Better: result.Less, Text: "external full load, lease 250 ms"},
	})
}

// besideOthers are the goals of what is measured beside others: 8 connections, shared by all clients.
func besideOthers() (list []result.Goal) {
	peers := func(row, metric, unit string, of result.Statistic, limit float64, better result.Better, text string) {
		list = append(list, result.Goal{What: "peers", Row: row, Metric: metric, Unit: unit, Of: of, Limit: limit, Better: better, Text: text})
	}
	for _, g := range []struct {
		work comparison.Work
		rate float64
		text string
	}{
		{comparison.Work{Clients: 1}, 2000, "kv.put, 1 client"},
		{comparison.Work{Clients: 8}, 6000, "kv.put, 8 clients"},
		{comparison.Work{Clients: 64}, 20000, "kv.put, 64 clients on 8 connections"},
		{comparison.Work{Clients: 256}, 28000, "kv.put, 256 clients on 8 connections"},
		{comparison.Work{Clients: 1, Reads: true}, 4000, "kv.get, 1 client"},
		{comparison.Work{Clients: 64, Reads: true}, 25000, "kv.get, 64 clients on 8 connections"},
	} {
		row := g.work.Row(comparison.Pair)
		peers(row, comparison.Rate, "1/s", result.Median, g.rate, result.More, g.text)
		peers(row, comparison.Times(comparison.Etcd), "", result.Median, 1.3, result.More, g.text+", per round")
	}
	one, many := comparison.Work{Clients: 1}.Row(comparison.Pair), comparison.Work{Clients: 64}.Row(comparison.Pair)
	peers(one, comparison.P50, "ms", result.Median, 0.55, result.Less, "kv.put, 1 client")
	peers(many, comparison.OfLimit, "", result.Median, 0.25, result.More, "kv.put, 64 clients on 8 connections")
	killed := comparison.LossRow(comparison.Pair, comparison.Shipped, comparison.Killed)
	frozen := comparison.LossRow(comparison.Pair, comparison.Shipped, comparison.Frozen)
	peers(killed, comparison.Gap, "ms", result.Median, 15, result.Less, "SIGKILL of the active host, 8 terminals, lease as shipped")
	peers(killed, comparison.Gap, "ms", result.Worst, 40, result.Less, "SIGKILL of the active host, 8 terminals, lease as shipped")
	peers(frozen, comparison.Gap, "ms", result.Worst, 400, result.Less, "frozen host, 8 terminals, lease as shipped")
	return list
}
