// Package exchange defines the inputs and actions of a role machine and the words for both: everything that passes
// between the machine and its driver. All of them are values.
package exchange
