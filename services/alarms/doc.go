// Package alarms is what is wrong on a host: the table of all alarms, the set of those that are raised, the watch that
// raises them when their causes last and clears them when the causes are gone, and the hooks that tell the world outside.
//
// Any part of main raises an alarm and clears it as often as it likes; only changes are told. Nothing here blocks who
// raises one.
package alarms
