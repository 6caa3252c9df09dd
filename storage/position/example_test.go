package position_test

import (
	"fmt"

	"github.com/hotpair/hotpair/storage/position"
)

func ExampleParse() {
	p, err := position.Parse("7/123")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Epoch, p.Sequence, p.Before(position.Position{Epoch: 8, Sequence: 124}))
	_, err = position.Parse("7")
	fmt.Println(err)
	// Output:
	// 7 123 true
	// malformed position: "7" has no slash
}
