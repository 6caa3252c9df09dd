package chain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// The test binary is also every process of the chain.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || os.Args[1] != Command {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := Run(ctx, os.Args[2:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func TestChain_AnswersWhatBothCopiesHold(t *testing.T) {
	for _, shape := range []Shape{Apart, InKeeper, InBoth} {
		t.Run(string(shape), func(t *testing.T) { testAnswers(t, shape) })
	}
}

func testAnswers(t *testing.T, shape Shape) {
	dir := t.TempDir()
	c, err := Start(t.Context(), shape, 2, 200, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	}()
	for i, address := range c.Addresses() {
		conn, err := nats.Connect(address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		m, err := conn.Request("request.kv.put", []byte("body"), time.Minute)
		if err != nil || string(m.Data) != "body" {
			t.Fatalf("%v, %v", m, err)
		}
		for _, name := range []string{"own", "copy"} {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() != int64(i+1)*200 {
				t.Errorf("after %d requests %s is %v, %v", i+1, name, info, err)
			}
		}
	}
}

func TestStart_SaysWhoDidNotGetReady(t *testing.T) {
	if _, err := Start(t.Context(), Apart, 1, 200, filepath.Join(t.TempDir(), "missing")); !errors.Is(err, ErrStart) {
		t.Errorf("%v", err)
	}
}
