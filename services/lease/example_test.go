package lease_test

import (
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/lease"
)

// A right to answer is a time, so it ends by itself: whoever was frozen finds it over when it wakes up.
func ExampleRight_Holds() {
	right := lease.Right{Epoch: 7, Until: 10 * time.Second}
	fmt.Println(right.Holds(7, 9*time.Second))
	fmt.Println(right.Holds(7, 10*time.Second)) // it is over
	fmt.Println(right.Holds(8, 9*time.Second))  // another term
	fmt.Println(lease.Right{}.Holds(0, 0))      // the zero right permits nothing
	// Output:
	// true
	// false
	// false
	// false
}
