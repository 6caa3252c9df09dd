package history_test

import (
	"fmt"

	"github.com/hotpair/hotpair/storage/history"
	"github.com/hotpair/hotpair/storage/position"
)

// An entry is chained onto the end of a history where it is made, and again where its bytes come in: both have the same end then.
func ExampleStored_Follows() {
	var end history.Mark // of an empty history
	began, err := history.NewStored(end.Digest, history.Entry{
		Position: position.Position{Epoch: 1, Sequence: 1}, Kind: history.KindBegan, Host: "a", Identity: "identity of a",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	came, err := history.ReadStored(end.Digest, began.Raw)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(came.Follows(end), came.Mark() == began.Mark())
	fmt.Println(came.Follows(came.Mark()))
	// Output:
	// <nil> true
	// gap in the history: entry 1/1 does not follow 1/1
}
