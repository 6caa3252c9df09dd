// Package exchange has what happens to a role machine, what it orders, and the words for both: all that passes between the machine and
// whoever drives it. All of it are values.
package exchange
