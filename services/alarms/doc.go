// Package alarms reports what is wrong on a host: the table of all alarms, the set of those that are raised, the watch
// that raises them when their causes last and clears them when the causes are gone, and the hooks that notify the
// outside.
//
// Any part of main raises and clears an alarm as often as it likes; only changes are announced. Raising and clearing
// never block.
package alarms
