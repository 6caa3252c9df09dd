package main

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/hotpair/hotpair/simulator/clustertest"
)

var long = flag.Bool("long", false, "20 seconds for each lease instead of a look at one")

// TestMain lets the test's binary be a burden of the machine, as bench itself is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == commandBurn {
		ctx, stop := interrupted()
		err := burn(ctx, os.Args[2:])
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A machine that others want all of, processors and disk, is no reason for a takeover, nor for anything else (T11).
func TestSteady_T11NothingHappensUnderFullLoad(t *testing.T) {
	binary, err := clustertest.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"steady", "-binary", binary, "-duration", "8s", "-leases", "1s"}
	if *long {
		args = []string{"steady", "-binary", binary, "-short"}
	}
	if err := command(t.Context(), args, t.Output()); err != nil {
		t.Error(err)
	}
}
