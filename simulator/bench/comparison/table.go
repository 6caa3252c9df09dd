package comparison

import (
	"fmt"
	"strings"

	"github.com/hotpair/hotpair/simulator/bench/result"
)

// column of the tables: one kind of work.
type column struct {
	title string
	work  Work
}

func columns() []column {
	return []column{
		{"1 client", Work{Clients: 1}}, {"8", Work{Clients: 8}}, {"64", Work{Clients: 64}}, {"256", Work{Clients: 256}},
		{"read 1", Work{Clients: 1, Reads: true}}, {"read 64", Work{Clients: 64, Reads: true}},
	}
}

// row of a table: the same metric of one system at each kind of work.
type row struct {
	title, system, metric string
	beside                string // a second metric in the same cell
}

// Tables show a result of the comparison, and the goals of it: rates, what requests cost, and gaps. What was not measured is left
// empty, and so is a row of which nothing was.
func Tables(r *result.Result, goals []result.Goal) string {
	var b strings.Builder
	rates := []row{
		{"physical limit: two flushed copies over TCP, group commit", Limit, Rate, ""},
		{"Redis, 1 replica, WAIT 1", Redis, Rate, P50},
		{"etcd, 3 nodes", Etcd, Rate, P50},
		{"etcd, clients at the leader only", Leader, Rate, P50},
		{"**hotpair**", Pair, Rate, P50},
		{"hotpair with stand-ins for the terminals", StandIns, Rate, P50},
		{"hotpair / etcd, per round", Pair, Times(Etcd), ""},
		{"hotpair / etcd at the leader only, per round", Pair, Times(Leader), ""},
		{"hotpair with stand-ins / etcd, per round", StandIns, Times(Etcd), ""},
		{"hotpair / physical limit, per round", Pair, OfLimit, ""},
	}
	write(&b, r, "requests per second", rates)
	fmt.Fprintf(&b, "| goal for hotpair |")
	for _, c := range columns() {
		fmt.Fprintf(&b, " %s |", promised(goals, r.What, c.work.Row(Pair), Rate, P50, Times(Etcd), OfLimit))
	}
	b.WriteString("\n")
	write(&b, r, "CPU of the servers, µs per request", []row{
		{"Redis: master, replica, 3 sentinels", Redis, Servers, ""},
		{"etcd: 3 nodes", Etcd, Servers, ""},
		{"etcd, clients at the leader only", Leader, Servers, ""},
		{"**hotpair**: 2 hosts, witness", Pair, Servers, ""},
		{"hotpair with stand-ins: 2 hosts, witness", StandIns, Servers, ""},
		{"in addition: agents of hotpair's terminals", Pair, Agents, ""},
	})
	b.WriteString("\n| longest gap, 8 writers | hotpair as shipped | etcd tuned | goal for hotpair |\n|---|---:|---:|---|\n")
	for _, loss := range []struct{ title, loss string }{{"SIGKILL of the leader", Killed}, {"SIGSTOP of the leader", Frozen}} {
		own := LossRow(Pair, Shipped, loss.loss)
		other := LossRow(Etcd, Tuned, loss.loss)
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", loss.title, trials(r, own), trials(r, other), promised(goals, r.What, own, Gap))
	}
	return b.String()
}

func write(b *strings.Builder, r *result.Result, title string, rows []row) {
	fmt.Fprintf(b, "\n| %s |", title)
	for _, c := range columns() {
		fmt.Fprintf(b, " %s |", c.title)
	}
	fmt.Fprintf(b, "\n|---|%s\n", strings.Repeat("---:|", len(columns())))
	for _, line := range rows {
		var cells []string
		for _, c := range columns() {
			text := cell(r, c.work.Row(line.system), line.metric)
			if beside := cell(r, c.work.Row(line.system), line.beside); text != "" && beside != "" {
				text += "; " + line.beside + " " + beside
			}
			cells = append(cells, text)
		}
		if strings.Join(cells, "") != "" {
			fmt.Fprintf(b, "| %s | %s |\n", line.title, strings.Join(cells, " | "))
		}
	}
}

// cell is a series in a table, with the unit where a row does not say it.
func cell(r *result.Result, row, metric string) string {
	s := r.Find(row, metric)
	if s == nil {
		return ""
	}
	unit := ""
	if s.Unit == "ms" {
		unit = s.Unit
	}
	return result.Summarize(s.Samples).Text(unit)
}

// trials is a gap, and of how many trials.
func trials(r *result.Result, row string) string {
	s := r.Find(row, Gap)
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%s, n=%d", cell(r, row, Gap), len(s.Samples))
}

// promised lists the goals of a row for some metrics.
func promised(goals []result.Goal, what, row string, metrics ...string) string {
	var list []string
	for _, metric := range metrics {
		for _, g := range goals {
			if g.What == what && g.Row == row && g.Metric == metric {
				list = append(list, bound(g))
			}
		}
	}
	return strings.Join(list, "; ")
}

// bound says in a cell what a goal is about only where that is no rate.
func bound(g result.Goal) string {
	switch g.Metric {
	case Rate:
		return g.Bound()
	case Gap:
		return string(g.Of) + " " + g.Bound()
	case P50:
		return g.Metric + " " + g.Bound()
	}
	return g.Bound() + " " + g.Metric
}
