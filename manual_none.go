//go:build !manual

package main

import "github.com/spf13/cobra"

// manual is no command of what is shipped: see the other file of this name.
func manual() *cobra.Command { return nil }
