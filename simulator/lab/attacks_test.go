package lab

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/services/arbiter"
	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/identity"
	"github.com/hotpair/hotpair/services/identity/identitytest"
	"github.com/hotpair/hotpair/simulator/pair"
)

// patience is how long an attacker waits for an answer.
const patience = 5 * time.Second

// secrets are what nobody may read on a wire, by what it is.
func (f *fixture) secrets() map[string]string {
	f.Helper()
	pairSecret := ""
	for _, entry := range f.trees[pair.HostA].environ {
		if value, ok := strings.CutPrefix(entry, "HOTPAIR_PAIR_SECRET="); ok {
			pairSecret = value
		}
	}
	if pairSecret == "" {
		f.Fatal("the lab has no secret")
	}
	all := map[string]string{"the pair secret": pairSecret, "the operator's token": operatorToken}
	for what, purpose := range map[string]string{"link": config.PurposeLink, "replication": config.PurposeReplication, "witness": config.PurposeWitness} {
		all["the login of the "+what] = config.DeriveKey(pairSecret, purpose)
	}
	for i := range f.options.Terminals {
		all["the key of "+pair.TerminalID(i)] = config.TerminalKey(pairSecret, pair.TerminalID(i))
	}
	for _, node := range f.names() {
		if f.options.Plain {
			continue
		}
		text, err := os.ReadFile(f.options.Dir + "/tls-" + node + "/key.pem")
		f.must(err)
		key, err := identity.ParseKey(text)
		f.must(err)
		number, err := key.(*ecdsa.PrivateKey).Bytes()
		f.must(err)
		// The secret number itself, which stands in each form that a key has.
		all["the private key of "+node] = string(number)
	}
	return all
}

// mark has the pair keep a value under a key that nobody else uses.
func (f *fixture) mark(key, value string) {
	f.Helper()
	conn, err := nats.Connect(TerminalAddress, nats.SetCustomDialer(f.Dialer(pair.TerminalID(0))))
	f.must(err)
	defer conn.Close()
	m, err := conn.Request("request.kv.put", fmt.Appendf(nil, `{"key":%q,"value":%q}`, key, value), healWithin)
	f.must(err)
	if !bytes.Contains(m.Data, []byte("revision")) {
		f.Fatalf("put: %s %v", m.Data, m.Header)
	}
}

// Somebody hears all wires of both hosts, the witness and a terminal while all of them begin anew, a takeover among it, with load. Nothing of
// what proves somebody, and no key or value of an update, can be read in it, in any of its usual forms. In clear all but private keys can be,
// so the search would find them. Then what was heard is said again, to each port.
func TestFault_C1_NothingIsReadableOnTheWires(t *testing.T) {
	sideBySide(t)
	for _, c := range []struct {
		name  string
		plain bool
	}{{"sealed", false}, {"in clear", true}} {
		t.Run(c.name, func(t *testing.T) {
			f := begin(t, Options{Terminals: 1, Plain: c.plain})
			if f.options.Plain != c.plain {
				t.Skip("SKIPPED, NOTHING OF THIS WAS TRIED: all labs are in clear by the flag")
			}
			var taps []*wiretap
			for _, node := range f.names() {
				taps = append(taps, f.tap(t, node))
			}
			texts := f.secrets()
			texts["the key of an update"], texts["the value of an update"] = "article-on-the-shelf-of-the-wiretap", "price-that-only-the-wiretap-knows"
			active, before := f.mustActive()
			f.mark(texts["the key of an update"], texts["the value of an update"])
			f.must(f.Kill(f.ctx, active))
			f.awaitTakeover(before)
			f.must(f.Run(active))
			f.must(f.Kill(f.ctx, pair.Witness, pair.TerminalID(0)))
			f.must(f.Run(pair.Witness))
			f.must(f.Run(pair.TerminalID(0)))
			f.await("both in sync", func() bool { return f.paired(f.ctx) })
			f.mark(texts["the key of an update"], texts["the value of an update"])
			f.progress()
			all, size := map[flow][]byte{}, 0
			for _, w := range taps {
				maps.Copy(all, w.taken(t))
			}
			for _, said := range all {
				size += len(said)
			}
			t.Logf("measured: %d directions of connections, %d KiB", len(all), size>>10)
			found := readable(all, texts)
			if c.plain {
				// What crosses a wire in clear, of all that is looked for.
				for _, what := range []string{"the login of the link", "the login of the replication", "the login of the witness", "the key of " + pair.TerminalID(0),
					"the key of an update", "the value of an update"} {
					if _, is := found[what]; !is {
						t.Errorf("%s is not found on wires in clear, so the search proves nothing", what)
					}
				}
			} else {
				for what, where := range found {
					t.Errorf("%s can be read from %s to %s", what, where.from, where.to)
				}
			}
			f.replay(c.plain, all)
			f.finish()
		})
	}
}

// replay says again what was heard, from another connection, and all logins as they would be in clear.
func (f *fixture) replay(plain bool, heard map[flow][]byte) {
	f.Helper()
	secret := f.secrets()
	ports := map[string]struct{ from, to, user, password string }{
		"link":        {pair.HostB, f.at(pair.HostA, pair.PortLink), "peer", secret["the login of the link"]},
		"replication": {pair.HostB, f.at(pair.HostA, pair.PortReplication), "peer", secret["the login of the replication"]},
		"witness":     {pair.HostB, f.at(pair.Witness, pair.PortWitness), arbiter.User, secret["the login of the witness"]},
		"terminal":    {pair.HostB, f.at(pair.TerminalID(0), pair.PortTerminal), "", secret["the key of "+pair.TerminalID(0)]},
	}
	var trying sync.WaitGroup
	for what, p := range ports {
		trying.Go(func() {
			login := fmt.Sprintf("CONNECT {\"verbose\":true,\"user\":%q,\"pass\":%q}\r\nPING\r\n", p.user, p.password)
			said, _ := f.tell(p.from, p.to, []byte(login))
			if !plain && (bytes.Contains(said, []byte("INFO")) || bytes.Contains(said, []byte("PONG"))) {
				f.Errorf("%s answers a login in clear: %.200q", what, said)
			}
			if plain && !bytes.Contains(said, []byte("INFO")) {
				f.Errorf("%s in clear does not even greet, so a silent one proves nothing: %.200q", what, said)
			}
		})
		if plain {
			continue
		}
		// The longest that anybody has said to this port: a handshake and what came behind it.
		var longest []byte
		for direction, said := range heard {
			if direction.to.String() == p.to && len(said) > len(longest) && said[0] == 0x16 {
				longest = said
			}
		}
		if len(longest) == 0 {
			f.Errorf("nobody was heard to begin TLS at the %s", what)
			continue
		}
		trying.Go(func() {
			said, ended := f.tell(p.from, p.to, longest[:min(len(longest), 64<<10)])
			if !ended {
				f.Errorf("%s goes on with what was said before: %d bytes", what, len(said))
			}
		})
	}
	trying.Wait()
}

// at is the address of a node's port.
func (f *fixture) at(node string, port int) string {
	return net.JoinHostPort(f.network.addresses[node], strconv.Itoa(port))
}

// tell opens a connection from a node, says something and gives what comes back, and whether the other side ended it.
func (f *fixture) tell(from, to string, words []byte) (said []byte, ended bool) {
	ctx, cancel := context.WithTimeout(f.ctx, patience)
	defer cancel()
	conn, err := f.network.spaces[from].DialContext(ctx, "tcp", to)
	if err != nil {
		f.Errorf("dial %s: %v", to, err)
		return nil, true
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = conn.Write(words) // it may be ended before all was said
	said, err = io.ReadAll(io.LimitReader(conn, 1<<20))
	return said, err == nil || !os.IsTimeout(err)
}

// A terminal is gone and somebody else listens at its address: in clear, with a certificate of nobody, with one of another pair, and with
// the pair's own of another terminal. No host tells it a key or a request; nothing is attached there, and the status says so. The agent that
// comes back is served.
func TestFault_C6_AFalseServerAtATerminalsAddress(t *testing.T) {
	sideBySide(t)
	f := begin(t, Options{Terminals: 2})
	if f.options.Plain {
		t.Skip("SKIPPED, NOTHING OF THIS WAS TRIED: all labs are in clear by the flag")
	}
	id, other := pair.TerminalID(0), pair.TerminalID(1)
	secret := f.secrets()
	stranger := identitytest.NewPair(t, "another")
	foreign, err := stranger.Source(identity.Terminal("another", id)).Current()
	f.must(err)
	nobody, err := identity.Anonymous()
	f.must(err)
	own, err := tls.LoadX509KeyPair(f.options.Dir+"/tls-"+other+"/cert.pem", f.options.Dir+"/tls-"+other+"/key.pem")
	f.must(err)
	f.must(f.Kill(f.ctx, id))
	for name, certificate := range map[string]*tls.Certificate{
		"in clear": nil, "a certificate of nobody": &nobody.Certificate, "another pair's": &foreign.Certificate, "another terminal's": &own,
	} {
		heard := f.pretend(id, certificate, 2)
		for _, said := range heard {
			if certificate == nil && (len(said) == 0 || said[0] != 0x16) {
				t.Errorf("%s: a host says %.100q", name, said)
			}
			for what, text := range secret {
				if len(readable(map[flow][]byte{{}: said}, map[string]string{what: text})) > 0 || certificate != nil && len(said) > 0 {
					t.Errorf("%s: it hears %d bytes of a host, %s among them or not", name, len(said), what)
					break
				}
			}
		}
		if _, s := f.mustActive(); s.Terminals.Attached != f.options.Terminals-1 {
			t.Errorf("%s: %d terminals are attached", name, s.Terminals.Attached)
		}
	}
	f.must(f.Run(id))
	f.awaitAttached(f.options.Terminals)
	f.finish()
}

// pretend listens at a terminal's address for hosts until so many have come, and gives what each has said: all of it in clear, behind the
// handshake with a certificate.
func (f *fixture) pretend(id string, certificate *tls.Certificate, callers int) (heard [][]byte) {
	f.Helper()
	var listener net.Listener
	f.await("the port of "+id, func() bool {
		return f.network.spaces[id].do(func() (err error) {
			listener, err = net.Listen("tcp", ":"+strconv.Itoa(pair.PortTerminal))
			return err
		}) == nil
	})
	defer listener.Close()
	for range callers {
		_ = listener.(*net.TCPListener).SetDeadline(time.Now().Add(healWithin))
		conn, err := listener.Accept()
		f.must(err)
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		if certificate != nil {
			conn = tls.Server(conn, &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{*certificate}, NextProtos: []string{"hotpair-terminal"}})
		}
		// As a server of NATS greets, and the welcome of ours before it.
		_, _ = io.WriteString(conn, "wINFO {\"server_id\":\"x\",\"version\":\"2.11.0\",\"auth_required\":true,\"max_payload\":1048576,\"nonce\":\"x\"}\r\n")
		said, _ := io.ReadAll(io.LimitReader(conn, 1<<20))
		heard = append(heard, said)
		_ = conn.Close()
	}
	return heard
}
