// Package metrics shows what a host measures: as a page for Prometheus ([Handler]), and as a short series for the
// console ([Recorder]), which must show the minutes before somebody looked.
//
// Why constants instead of live counters: most values are counted in other processes of the host (updater, terminal-if)
// and reach main with their heartbeats as cumulative counts. The [Collector] turns the last ones into metrics at each
// scrape, so nothing is counted twice and a process that was restarted shows as the counter reset that it is.
//
// Names follow the conventions of Prometheus: hotpair_ first, base units, _total for counters. They are stable. Alert
// rules and a dashboard that use them are in deployments/monitoring, and a test holds them to the names that exist.
package metrics
