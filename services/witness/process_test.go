package witness

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/door"
	proof "github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
	"github.com/hotpair/hotpair/services/process/processtest"
)

// The process that ships asks its list of keys: one with a host's name and certificate and another key hears nothing of it, nor does
// plain text, and a connection that stands ends once its key is replaced.
func TestRun_LetsInByKey(t *testing.T) {
	t.Parallel()
	pair := identitytest.NewPair(t, "shop")
	paths, data, address := pair.Write(t.TempDir(), proof.Witness("shop")), t.TempDir(), processtest.Address(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, config.Witness{
			WitnessListen: address, Storage: config.Storage{Data: data}, PairKey: config.PairKey{PairSecret: config.Secret(secret)},
			TLS: config.TLS{TLSCert: paths.Certificate, TLSKey: paths.Key, TLSCa: paths.Roots},
		}, slog.New(slog.DiscardHandler))
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the witness ended: %v", err)
		}
	})
	listed := func(keys ...proof.Fingerprint) {
		t.Helper()
		processtest.Await(t, "the list of keys", func() bool {
			text, err := os.ReadFile(filepath.Join(data, keysFile))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			for _, key := range keys {
				if !strings.Contains(string(text), key.String()) {
					return false
				}
			}
			return err == nil
		})
	}
	a := start(t, pair, address, "a", t.TempDir(), pair.Source(proof.Host("shop", "a")))
	b := start(t, pair, address, "b", t.TempDir(), pair.Source(proof.Host("shop", "b")))
	a.link(b)
	b.link(a)
	listed(a.key(), b.key())
	thief := pair.Source(proof.Host("shop", "b"))
	// The list is in its file a moment before it holds.
	processtest.Await(t, "another key of the same name is refused", func() bool {
		conn, err := door.Dial(deadline(t), bus.TCP{}, address, door.Offer{Protocol: "hotpair-witness", Source: thief, Policy: proof.Policy{Expect: proof.Exactly(proof.Witness("shop"))}})
		if err == nil {
			_ = conn.Close()
		}
		return errors.Is(err, proof.ErrRefused)
	})
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(within))
	_, err = io.WriteString(raw, "CONNECT {\"verbose\":true}\r\nPING\r\n")
	said, heard := io.ReadAll(raw)
	if err != nil || strings.Contains(string(said), "INFO") || len(said) > 7 || os.IsTimeout(heard) { // one alert of TLS
		t.Errorf("plain text is answered %q (%v, %v)", said, err, heard)
	}
	anew := start(t, pair, address, "b", t.TempDir(), thief)
	out(t, anew)
	a.link(anew)
	anew.link(a)
	listed(anew.key())
	out(t, b)
}
