// Hotpair-terminal is the agent at a terminal: the part of hotpair that stands on machines which are neither a host nor a witness. It is
// "hotpair terminal" without everything else.
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
