package main

import "github.com/hotpair/hotpair/simulator/bench/result"

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
	return []result.Goal{
		takeover("host killed, 50 terminals", result.Median, 50, "SIGKILL of the active host, longest gap at 50 terminals"),
		takeover("host killed, 50 terminals", result.Worst, 150, "the same"),
		takeover("main killed, 50 terminals", result.Median, 50, "SIGKILL of its main"),
		takeover("main killed, 50 terminals", result.Worst, 150, "the same"),
		takeover("standby killed, 50 terminals", result.Median, 30, "SIGKILL of the standby host"),
		takeover("switchover, 50 terminals", result.Median, 25, "planned switchover"),
		{What: "takeover", Row: "switchover, 50 terminals", Metric: "failed requests", Of: result.Worst, Limit: 0, Better: result.Less, Text: "planned switchover, failed requests"},
		takeover("main frozen, 50 terminals", result.Worst, 1250, "frozen main, lease 1 s"),
		takeover("host frozen, 50 terminals", result.Worst, 1250, "frozen host, lease 1 s"),
		takeover("link cut, 10 terminals", result.Worst, 1250, "cut cable, lease 1 s"),
		takeover("active cut off, 10 terminals", result.Worst, 1250, "dead machine, lease 1 s"),
		takeover("business.kv killed, 50 terminals", result.Median, 100, "crash of a business process"),
		takeover("terminal-if killed, 50 terminals", result.Median, 100, "crash of terminal-if"),
		takeover("updater killed, 50 terminals", result.Median, 100, "crash of the updater"),
		{What: "takeover", Row: "host killed, 1000 terminals", Metric: "last terminal", Unit: "ms", Of: result.Median, Limit: 500, Better: result.Less, Text: "1,000 terminals: the last one is served"},
		standins("host killed, 50 stand-ins", "gap", 50, "with stand-ins for the terminals, which cost next to nothing: SIGKILL of the active host"),
		standins("main killed, 50 stand-ins", "gap", 50, "the same: SIGKILL of its main"),
		standins("standby killed, 50 stand-ins", "gap", 30, "the same: SIGKILL of the standby host"),
		standins("switchover, 50 stand-ins", "gap", 25, "the same: planned switchover"),
		standins("host killed, 1000 stand-ins", "last terminal", 500, "the same: the last of 1,000 is served"),
		path("kv.put, 1 clients", "p50", 0.65, result.Less, "kv.put, 1 client"),
		path("kv.put, 8 clients", "rate", 4000, result.More, "kv.put, 8 clients"),
		path("kv.put, 64 clients", "rate", 14000, result.More, "kv.put, 64 clients"),
		path("kv.put, 64 clients", "p99", 15, result.Less, "kv.put, 64 clients"),
		path("kv.put, 64 clients", "of the limit", 0.25, result.More, "kv.put, 64 clients"),
		path("kv.put, 256 clients", "rate", 22000, result.More, "kv.put, 256 clients"),
		path("kv.put, 256 clients", "of the limit", 0.22, result.More, "kv.put, 256 clients"),
		path("kv.put, 64 clients at stand-ins", "rate", 14000, result.More, "kv.put, 64 clients at stand-ins for the terminals"),
		path("kv.put, 64 clients at stand-ins", "of the limit", 0.25, result.More, "the same"),
		{What: "peers", Row: "hotpair, 64 clients", Metric: "times etcd", Of: result.Median, Limit: 3.5, Better: result.More, Text: "kv.put beside etcd's, 64 clients"},
		{What: "peers", Row: "hotpair, 64 clients on 16 connections", Metric: "times etcd", Of: result.Median, Limit: 3.5, Better: result.More, Text: "the same, with connections shared as etcd's clients share them"},
		{What: "parts", Row: "updater, 64 callers", Metric: "rate", Unit: "1/s", Of: result.Median, Limit: 20000, Better: result.More, Text: "updates at the updater's own subject, 64 callers"},
		{What: "growth", Row: "5000 terminals", Metric: "memory of the active", Unit: "MB", Of: result.Median, Limit: 512, Better: result.Less, Text: "5,000 terminals served by one host, memory"},
		{What: "idle", Row: "host a", Metric: "memory", Unit: "MB", Of: result.Worst, Limit: 150, Better: result.Less, Text: "idle host, memory"},
		{What: "idle", Row: "host b", Metric: "memory", Unit: "MB", Of: result.Worst, Limit: 150, Better: result.Less, Text: "idle other host, memory"},
		{What: "idle", Row: "host a", Metric: "processor", Unit: "% of a core", Of: result.Worst, Limit: 3, Better: result.Less, Text: "idle host, processor"},
		{What: "idle", Row: "host b", Metric: "processor", Unit: "% of a core", Of: result.Worst, Limit: 3, Better: result.Less, Text: "idle other host, processor"},
		{What: "steady", Row: "lease 1s", Metric: "takeovers", Of: result.Worst, Limit: 0, Better: result.Less, Text: "takeovers under full load from outside, lease 1 s"},
		{What: "steady", Row: "lease 250ms", Metric: "takeovers", Of: result.Worst, Limit: 0, Better: result.Less, Text: "takeovers under full load from outside, lease 250 ms"},
	}
}
