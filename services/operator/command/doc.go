// Package command is the command line for operators: the commands with their help, and the screens that they show. All
// knowledge about a host comes through [operator.Client].
package command
