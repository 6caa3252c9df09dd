// Package screen draws what a command shows: lines of one width, a headline in the colour of a level, labelled rows, bars for
// what takes its time, the steps of a switchover as they are made, settings side by side. Whatever text comes from a host is
// made harmless first.
package screen
