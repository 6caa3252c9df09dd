// Package sort has three files that use each other in a circle, and one below.
package sort

import "example.org/small/bus"

// Top uses the middle.
func Top() { middle(); middle() }

type thing struct{ field bus.Note }
