package pace_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hotpair/hotpair/services/pace"
)

// Rest ends with its context, and says why.
func ExampleRest() {
	ctx, stop := context.WithCancelCause(context.Background())
	stop(errors.New("the term has ended"))
	fmt.Println(pace.Rest(ctx, time.Hour))
	fmt.Println(pace.Rest(context.Background(), time.Microsecond))
	// Output:
	// the term has ended
	// <nil>
}
