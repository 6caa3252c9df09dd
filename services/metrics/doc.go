// Package metrics exports the measurements of a host: as a page for Prometheus ([Handler]), and as a short series for
// the console ([Recorder]), which shows the minutes before it was opened.
//
// It uses constant metrics instead of live counters, because most values are counted in other processes of the host
// (updater, terminal-if) and reach main with their heartbeats as cumulative counts. The [Collector] turns the last
// ones into metrics at each scrape, so nothing is counted twice, and a restarted process shows as a counter reset.
//
// Names follow the conventions of Prometheus: hotpair_ first, base units, _total for counters. They are stable. Alert
// rules and a dashboard that use them are in deployments/monitoring, and a test checks the names that they use.
package metrics
