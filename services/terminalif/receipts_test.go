package terminalif

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/process/processtest"
	"github.com/hotpair/hotpair/services/terminalif/receipt"
	"github.com/hotpair/hotpair/storage/position"
)

func (h *aHost) collectAll(epoch uint64) bus.CollectedReceipts {
	h.t.Helper()
	return order(h, bus.CallReceipts, bus.CollectReceipts{Epoch: epoch, Terminals: terminalsAPage})
}

// TestReceipts_OfTheTimeBeforeTheAttach: what terminals were told before a takeover comes back, each once, whatever a
// service wrote where the code belongs.
func TestReceipts_OfTheTimeBeforeTheAttach(t *testing.T) {
	one, two := newAgent(t, "t1"), newAgent(t, "t2")
	h := startHost(t, "a", terminalsOf(one, two)...)
	h.startBatched("kv", echo)
	h.announce("kv", 1, true)
	h.awaitWarm(2)
	h.serveAll(1, 2)
	apps := app(t, one.AppURL())
	for range 5 {
		ask(t, apps, "request.kv.put", `{}`)
	}
	ask(t, app(t, two.AppURL()), "request.kv.put", `{}`)
	if got := h.collectAll(1); len(got.Receipts) != 0 || got.Asked != 2 {
		t.Errorf("before another attach: %+v", got)
	}
	h.attachIn(1, 2)
	ask(t, apps, "request.kv.put", `{}`)
	got := h.collectAll(1)
	if len(got.Receipts) != 6 || got.Foreign != 0 || got.Asked != 2 || got.Silent != 0 || got.Next != 0 {
		t.Errorf("collected %+v", got)
	}
	count := map[string]int{}
	for _, r := range got.Receipts {
		count[r.Terminal]++
		if r.Position != (position.Position{Epoch: 1, Sequence: r.Counter}) {
			t.Errorf("receipt %+v", r)
		}
	}
	if count["t1"] != 5 || count["t2"] != 1 {
		t.Errorf("receipts %v", count)
	}
	first := order(h, bus.CallReceipts, bus.CollectReceipts{Epoch: 1, Terminals: 1})
	rest := order(h, bus.CallReceipts, bus.CollectReceipts{Epoch: 1, Terminals: 1, From: first.Next})
	if len(first.Receipts) != 5 || first.Next != 1 || len(rest.Receipts) != 1 || rest.Next != 0 {
		t.Errorf("pages %+v, %+v", first, rest)
	}
	if got, err := tryOrder(h, bus.CallReceipts, bus.CollectReceipts{Epoch: 2, Terminals: terminalsAPage}); err == nil {
		t.Errorf("another epoch: %+v", got)
	}
	two.stop()
	processtest.Await(t, "one terminal", func() bool { return h.State().Attached == 1 })
	if got := h.collectAll(1); got.Asked != 1 || len(got.Receipts) != 5 {
		t.Errorf("one terminal is gone: %+v", got)
	}
}

// TestReceipts_AreKnownOverAChangeOfTheKey: the audit knows what was signed under the key before, and what is signed under the new
// one; under a key before that nothing is known any more.
func TestReceipts_AreKnownOverAChangeOfTheKey(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	h.startBatched("kv", echo)
	h.announce("kv", 1, true)
	h.awaitWarm(1)
	h.serveAll(1, 1)
	nc := app(t, agent.AppURL())
	change := func(names ...string) {
		t.Helper()
		var keys receipt.Keys
		for _, n := range names {
			keys.Keys = append(keys.Keys, receipt.Key{Secret: []byte(n)})
		}
		h.receipts.Store(&keys)
		order(h, bus.CallSystemChanged, bus.Done{})
		processtest.Await(t, "terminal-if has the new key", func() bool { return string(h.receiptKeys.Load().Keys[0].Secret) == names[0] })
	}
	ask(t, nc, "request.kv.put", `{}`)
	ask(t, nc, "request.kv.put", `{}`)
	change("second", "first")
	ask(t, nc, "request.kv.put", `{}`)
	h.attachIn(1, 2)
	if got := h.collectAll(1); len(got.Receipts) != 3 || got.Foreign != 0 {
		t.Errorf("over a change of the key: %+v", got)
	}
	change("third", "second")
	h.attachIn(1, 3)
	if got := h.collectAll(1); len(got.Receipts) != 1 || got.Foreign != 2 {
		t.Errorf("under the key before the one before: %+v", got)
	}
}

// TestReceipts_ForgedOnesCountOnly: a terminal that shows receipts nobody gave it, or changes those it was given, is told
// apart from one that was given receipts for what is missing.
func TestReceipts_ForgedOnesCountOnly(t *testing.T) {
	agent := newAgent(t, "t1")
	h := startHost(t, "a", terminalsOf(agent)...)
	h.startBatched("kv", echo)
	h.announce("kv", 1, true)
	h.awaitWarm(1)
	h.serveAll(1, 1)
	nc := app(t, agent.AppURL())
	for range 3 {
		ask(t, nc, "request.kv.put", `{}`)
	}
	listen := agent.address
	nc.Close()
	agent.stop()
	processtest.Await(t, "its loss is noticed", func() bool { return h.State().Attached == 0 })
	path := filepath.Join(agent.dir, "receipts")
	data := must[[]byte](t)(os.ReadFile(path))
	var true3 []bus.Receipt
	if err := bus.Decode(data[:len(data)-4], &true3); err != nil || len(true3) != 3 {
		t.Fatalf("%v, %d receipts", err, len(true3))
	}
	forged := []bus.Receipt{
		{Counter: 99, Position: position.Position{Epoch: 1, Sequence: 99}},
		{Counter: 99, Position: position.Position{Epoch: 1, Sequence: 99}, Code: make([]byte, receipt.CodeLength)},
	}
	change := func(f func(*bus.Receipt)) {
		r := true3[0]
		f(&r)
		forged = append(forged, r)
	}
	change(func(r *bus.Receipt) { r.Counter++ })
	change(func(r *bus.Receipt) { r.Position.Sequence++ })
	change(func(r *bus.Receipt) { r.Position.Epoch++ })
	change(func(r *bus.Receipt) { r.App = "2026-01-01T00:00:00Z/x" })
	change(func(r *bus.Receipt) { r.Code = r.Code[:receipt.CodeLength-1] })
	change(func(r *bus.Receipt) { r.Code = append(r.Code[:receipt.CodeLength:receipt.CodeLength], 0) })
	// A code from the same key for the same request of another terminal, and of another pair.
	signer, id := receipt.New(*h.receipts.Load()), bus.RequestID{Terminal: "t2", Counter: true3[0].Counter}
	change(func(r *bus.Receipt) { r.Code = signer.Code("pair", id, r.Position) })
	id.Terminal = "t1"
	change(func(r *bus.Receipt) { r.Code = signer.Code("other pair", id, r.Position) })

	shown := append(append(forged, true3...), true3[2], true3[2])
	raw := must[[]byte](t)(bus.Encode(shown))
	if err := os.WriteFile(path, binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw)), 0o600); err != nil {
		t.Fatal(err)
	}
	startAgent(t, "t1", agent.dir, listen, nil)
	processtest.Await(t, "attached again", func() bool { return h.State().Attached == 1 })
	got := h.collectAll(1)
	if len(got.Receipts) != 3 || got.Foreign != len(forged) || got.Silent != 0 {
		t.Errorf("%d own, %d foreign, want 3 and %d: %+v", len(got.Receipts), got.Foreign, len(forged), got)
	}
}

// FuzzRecognise: whatever a terminal shows, only what the pair signed is its own.
func FuzzRecognise(f *testing.F) {
	signer := receipt.New(receipt.Keys{Keys: []receipt.Key{{Secret: []byte("key")}}})
	id, at := bus.RequestID{Terminal: "t", Counter: 7}, position.Position{Epoch: 2, Sequence: 9}
	f.Add("", uint64(7), uint64(2), uint64(9), signer.Code("p", id, at))
	f.Add("x", uint64(0), uint64(2), uint64(9), []byte{})
	f.Fuzz(func(t *testing.T, appID string, counter, epoch, sequence uint64, code []byte) {
		r := bus.Receipt{Counter: counter, App: appID, Position: position.Position{Epoch: epoch, Sequence: sequence}, Code: code}
		own, foreign := signer.Recognise("p", "t", []bus.Receipt{r, r})
		honest := bus.RequestID{Terminal: "t", Counter: counter, App: appID} == id && r.Position == at
		honest = honest && string(code) == string(signer.Code("p", id, at))
		if honest && (len(own) != 1 || foreign != 0) || !honest && (len(own) != 0 || foreign != 2) {
			t.Errorf("%+v: %d own, %d foreign", r, len(own), foreign)
		}
	})
}

// TestReceipts_OfThoseWhoAttachLater: after an audit a late one asks only terminals that attached since, the same ones when the order is
// repeated; nobody is left then.
func TestReceipts_OfThoseWhoAttachLater(t *testing.T) {
	one, two := newAgent(t, "t1"), newAgent(t, "t2")
	address := two.address
	h := startHost(t, "a", terminalsOf(one, two)...)
	h.startBatched("kv", echo)
	h.announce("kv", 1, true)
	h.awaitWarm(2)
	h.serveAll(1, 2)
	ask(t, app(t, two.AppURL()), "request.kv.put", `{}`)
	two.stop()
	processtest.Await(t, "t2 is lost", func() bool { return h.State().Attached == 1 })
	h.attachIn(1, 2)
	processtest.Await(t, "t1 is to be audited", func() bool { return h.State().Unaudited == 1 })
	collect := func(audit uint64, late bool) bus.CollectedReceipts {
		return order(h, bus.CallReceipts, bus.CollectReceipts{Epoch: 1, Terminals: terminalsAPage, Audit: audit, Late: late})
	}
	if got := collect(1, false); got.Asked != 1 {
		t.Fatalf("the audit of the attach: %+v", got)
	}
	if n := h.State().Unaudited; n != 0 {
		t.Fatalf("%d are left after the audit", n)
	}
	startAgent(t, "t2", two.dir, address, nil)
	processtest.Await(t, "t2 is to be audited", func() bool { return h.State().Unaudited == 1 })
	for range 2 {
		if got := collect(2, true); got.Asked != 1 || len(got.Receipts) != 1 || got.Receipts[0].Terminal != "t2" {
			t.Errorf("the late audit: %+v", got)
		}
	}
	if got := collect(3, true); got.Asked != 0 || h.State().Unaudited != 0 {
		t.Errorf("a later one: %+v, %d left", got, h.State().Unaudited)
	}
}
