package fault_test

import (
	"errors"
	"fmt"

	"github.com/hotpair/hotpair/services/fault"
)

// ErrStale is a sentinel that crosses: its code is all that the other side needs.
var ErrStale = fault.New("example-stale", "a higher epoch is known")

// An error crosses as its codes and a sentence, and is the same sentinel on the other side.
func Example() {
	here := fmt.Errorf("append to the journal: %w: 7", ErrStale)
	codes, text := fault.Codes(here), fault.Text(here)

	there := fault.From(codes, text)
	fmt.Println(codes, errors.Is(there, ErrStale))
	fmt.Println(there)
	// Output:
	// [example-stale] true
	// append to the journal: a higher epoch is known: 7
}

// A plain error has no code: nothing from outside can be mistaken for it.
func ExampleRemote() {
	errDisk := errors.New("the disk takes no writes")
	there := fault.From(fault.Codes(errDisk), fault.Text(errDisk))
	fmt.Println(errors.Is(there, errDisk), fault.Remote(there), fault.Remote(errDisk))
	// Output: false true false
}
