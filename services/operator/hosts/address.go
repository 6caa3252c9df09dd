package hosts

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/access"
)

// one parses an address, a URL or host:port. host:port is HTTPS unless it is on this machine. Plain HTTP to another
// machine is refused, because the token would cross the network in clear. The error is ErrUsage.
func (p Place) one(address, source, token string) ([]Target, error) {
	at := address
	if path, is := strings.CutPrefix(at, operator.SocketURL); is {
		if !filepath.IsAbs(path) {
			return nil, fmt.Errorf("%w: %s %q is not a socket: write unix: and its absolute path", operator.ErrUsage, source, address)
		}
		return []Target{{URL: at}}, nil
	}
	clear := slices.Contains(p.Env, config.Prefix+"_INSECURE=true") // for tests in a network of their own
	if !strings.Contains(at, "://") {
		scheme := "https://"
		if clear || ofThisMachine("http://"+at) {
			scheme = "http://"
		}
		at = scheme + at
	}
	plain := strings.HasPrefix(at, "http://")
	if !plain && !strings.HasPrefix(at, "https://") || strings.ContainsAny(at, " \t\n") {
		return nil, fmt.Errorf("%w: %s %q is not an address like http://127.0.0.1:7704 or https://192.0.2.1:7704", operator.ErrUsage, source, address)
	}
	if plain && token != "" && !ofThisMachine(at) && !clear {
		return nil, fmt.Errorf("%w: %s %q is plain HTTP to another machine, and your token would cross the network in clear: use https://, or run hotpair there by ssh", operator.ErrUsage, source, address)
	}
	return []Target{{URL: at, Token: token}}, nil
}

// ofThisMachine reports whether a URL is on this machine.
func ofThisMachine(at string) bool {
	u, err := url.Parse(at)
	return err == nil && access.IsLoopback(net.JoinHostPort(u.Hostname(), "0"))
}
