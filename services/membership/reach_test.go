package membership_test

import (
	"fmt"
	"math"

	. "github.com/hotpair/hotpair/services/membership"
)

func ExampleReachable() {
	fmt.Println(Reachable(7, 3), Reachable(7, 7+LostStride), Reachable(0, 4000*LostStride), Reachable(7, 8+1<<32), Reachable(7, math.MaxUint64))
	// Output: true true true false false
}

func ExampleToward() {
	fmt.Println(Toward(7, 3), Toward(7, 9), Toward(0, math.MaxUint64))
	// Output: 7 9 4294967296
}
