// Package command is the command line for operators: what each command says, the screens that it shows, and how it finds
// the hosts that it asks. Everything it knows of a host it has from [operator.Client].
package command
