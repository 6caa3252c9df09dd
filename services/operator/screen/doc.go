// Package screen draws the output of commands: lines of one width, a headline in the colour of a level, labelled rows,
// progress bars, the steps of a switchover as they happen, settings side by side. Text from a host is made safe for a
// terminal first.
package screen
