// Package screen draws what a command shows: lines of one width, a headline in the colour of a level, labelled rows, and bars for
// what takes its time. Whatever text comes from a host is made harmless first.
package screen
