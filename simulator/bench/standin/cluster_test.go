package standin

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hotpair/hotpair/deployments/local"
	"github.com/hotpair/hotpair/simulator/bench/load"
	"github.com/hotpair/hotpair/simulator/clustertest"
)

func putOperation() load.Operation { return load.Put(10) }

// TestFleet_IsServedByARealPair: applications at stand-ins are answered before and after the active is killed, and what
// they were told took effect once, also what was under way in that moment.
func TestFleet_IsServedByARealPair(t *testing.T) {
	if testing.Short() {
		t.Skip("builds hotpair and starts a cluster")
	}
	binary, err := clustertest.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, sealed := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %t", sealed), func(t *testing.T) { served(t, binary, sealed) })
	}
}

// served plays it with wires in clear or with TLS.
func served(t *testing.T, binary string, sealed bool) {
	var ids []string
	for i := range 3 {
		ids = append(ids, local.TerminalID(i))
	}
	dir := filepath.Join(t.TempDir(), "pair")
	fleet, err := Open(ids)
	if sealed {
		fleet, err = openSealed(dir, ids)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the cluster's end
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	})
	file := filepath.Join(t.TempDir(), "terminals")
	if err := os.WriteFile(file, []byte(fleet.List()), 0o600); err != nil {
		t.Fatal(err)
	}
	c := clustertest.Start(t, binary, dir, []string{"--terminals-file", file})

	for _, host := range []string{local.HostA, local.HostB} {
		if s, err := c.Status(host); err != nil || s.Wires.TLS != sealed {
			t.Errorf("host %s: TLS %t (%v)", host, s.Wires.TLS, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	call := func(terminal int, service, operation, body string) Answer {
		t.Helper()
		a, err := fleet.Terminal(terminal).Call(ctx, service, operation, []byte(body))
		if err != nil {
			t.Fatalf("%s.%s %s: %v", service, operation, body, err)
		}
		return a
	}
	call(0, "ledger", "open", `{"account":"from","balance":1000000}`)
	call(1, "ledger", "open", `{"account":"to","balance":0}`)
	if err := fleet.Clients(4).Prepare(ctx, load.Get(10)); err != nil {
		t.Fatal(err)
	}
	call(1, "kv", "get", `{"key":"read-9"}`)
	before := call(2, "kv", "put", `{"key":"k","value":"before"}`).Position
	active := local.HostA
	if s, err := c.Status(local.HostB); err == nil && s.Role == "active" {
		active = local.HostB
	}

	// Everybody transfers one at a time until it has been answered some times in the next term.
	const within = 20
	acknowledged := make([]int, len(ids))
	var working sync.WaitGroup
	begun := make(chan struct{}, len(ids))
	for i := range ids {
		working.Go(func() {
			for after := 0; after < within; {
				a, err := fleet.Terminal(i).Call(ctx, "ledger", "transfer", []byte(`{"from":"from","to":"to","amount":1}`))
				if err != nil {
					t.Errorf("transfer at %s: %v", ids[i], err)
					return
				}
				if acknowledged[i]++; acknowledged[i] == within {
					begun <- struct{}{}
				}
				if a.Position.Epoch > before.Epoch {
					after++
				}
			}
		})
	}
	for range ids {
		select {
		case <-begun:
		case <-ctx.Done():
			t.Fatal("they did not come to work")
		}
	}
	c.Send(local.Kill, active)
	working.Wait()
	total := 0
	for _, n := range acknowledged {
		total += n
	}

	if after := call(2, "kv", "put", `{"key":"k","value":"after"}`).Position; after.Epoch <= before.Epoch {
		t.Errorf("written at %s before and at %s after", before, after)
	}
	successor := local.HostA
	if active == local.HostA {
		successor = local.HostB
	}
	c.Await(time.Minute, "the audit of the receipts", func() bool {
		s, err := c.Status(successor)
		if err != nil || s.Audit == nil || s.Audit.Epoch <= before.Epoch || s.Audit.Checked < len(ids)*within {
			return false
		}
		if s.Audit.Missing+s.Audit.Foreign+s.Audit.Silent > 0 || s.Audit.Terminals != len(ids) {
			t.Errorf("audit: %+v", s.Audit)
		}
		return true
	})
	var balance struct{ Balance int }
	if err := json.Unmarshal(call(0, "ledger", "balance", `{"account":"to"}`).Body, &balance); err != nil || balance.Balance != total {
		t.Errorf("%d transfers were acknowledged, the balance is %d (%v)", total, balance.Balance, err)
	}
}

// openSealed puts a root into the directory of a cluster that is to come, and opens a fleet with certificates of it.
func openSealed(dir string, ids []string) (*Fleet, error) {
	issuer, err := local.NewRoot(dir)
	if err != nil {
		return nil, err
	}
	return OpenSealed(ids, issuer)
}
