package world

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/simulator/pair"
)

// TestFault_C14_EveryDoorCounts: calls that were refused were lines of a log at best, and nobody saw how many there are. Each door counts
// them by reason, and /metrics shows it.
func TestFault_C14_EveryDoorCounts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newClocked(t)
		defer w.Close()
		w.Start()
		if err := w.AwaitPaired(t.Context()); err != nil {
			t.Fatal(err)
		}
		stranger := w.network.Endpoint(Address(pair.HostA))
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, address string) (net.Conn, error) { return stranger.Dial(ctx, address) }}}
		url := fmt.Sprintf("http://127.0.0.1:%d", pair.PortHTTP)
		ask := func(method, path, host, token string) string {
			r, err := http.NewRequestWithContext(t.Context(), method, url+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			if token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
			answer, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			return string(body)
		}
		ask(http.MethodPost, operator.CallSwitchover.Path, "localhost", "")
		ask(http.MethodGet, operator.CallStatus.Path, "elsewhere.example", operatorToken)
		ask(http.MethodGet, "/nothing", "localhost", operatorToken)
		ask(http.MethodGet, operator.CallEvents.Path+"?limit=x", "localhost", operatorToken)
		for address, user := range map[string]string{
			fmt.Sprintf("127.0.0.1:%d", pair.PortBus): "main", at(pair.HostA, pair.PortLink): "link", at(pair.HostA, pair.PortReplication): "peer",
		} {
			c, err := nats.Connect("nats://"+address, nats.UserInfo(user, "guessed"), nats.SetCustomDialer(dialer{stranger}), nats.NoReconnect(), nats.Timeout(5*time.Second))
			if err == nil {
				c.Close()
				t.Errorf("%s lets a stranger in", address)
			}
		}
		want := []string{`{door="http",reason="token"}`, `{door="http",reason="origin"}`, `{door="http",reason="unknown"}`, `{door="http",reason="malformed"}`,
			`{door="bus",reason="login"}`, `{door="link",reason="login"}`, `{door="replication",reason="login"}`}
		w.await(10*time.Second, "counts of what was refused", func() bool { // the updater's come with its beats
			page := ask(http.MethodGet, "/metrics", "localhost", operatorToken)
			for _, series := range want {
				if !strings.Contains(page, "hotpair_refused_total"+series+" 1\n") {
					return false
				}
			}
			return true
		})
	})
}
