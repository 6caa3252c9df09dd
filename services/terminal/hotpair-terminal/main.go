// Hotpair-terminal is the agent of a terminal: the part of hotpair for machines that are neither a host nor a witness.
// It is "hotpair terminal" alone.
package main

import (
	"context"
	"os"

	"github.com/hotpair/hotpair/services/launch"
	"github.com/hotpair/hotpair/services/terminal/program"
)

func main() {
	ctx, stop := launch.Context(context.Background())
	code := program.Main(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
