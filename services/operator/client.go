package operator

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hotpair/hotpair/services/operator/peercred"
	"github.com/hotpair/hotpair/services/operator/wording"
	"github.com/hotpair/hotpair/services/strictjson"
)

// maxAnswer bounds what a client reads, in bytes: a full page of history with long keys.
const maxAnswer = 32 << 20

// ErrNoAnswer is the cause when a host accepts connections and does not answer.
var ErrNoAnswer = errors.New("no answer in time")

// Client calls the operator interface of one host.
type Client struct {
	url       string // of calls
	shown     string // in messages
	token     string
	reason    string
	claim     string
	transport *http.Transport
	http      *http.Client
}

// NewClient makes a client for a URL like http://127.0.0.1:7704, or unix:/var/lib/hotpair/operator.sock. Nothing is dialled.
func NewClient(url string) *Client {
	c := newClient(url)
	if path, is := socketPath(url); is {
		c.url = "http://localhost"
		c.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return peercred.Dial(ctx, path) }
		c.claim = os.Getenv("SUDO_USER")
	}
	return c
}

func newClient(url string) *Client {
	transport := &http.Transport{
		// No proxy: the address is used as given, and status must not leave the machine by accident.
		DialContext:           (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		ResponseHeaderTimeout: Longest() + 5*time.Second,
		DisableKeepAlives:     true,
	}
	url = strings.TrimRight(url, "/")
	return &Client{url: url, shown: url, transport: transport, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// WithToken sets the operator's token that calls carry. It returns the same client.
func (c *Client) WithToken(token string) *Client {
	c.token = token
	return c
}

// WithRoots sets the certificates to trust over https, instead of the system's. It returns the same client.
func (c *Client) WithRoots(roots *x509.CertPool) *Client {
	c.transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots}
	return c
}

// WithReason sets the reason that calls which change something carry. It returns the same client.
func (c *Client) WithReason(reason string) *Client {
	c.reason = reason
	return c
}

// WithDial makes the client connect by dial, for example from another network namespace. It must be called before the
// first call. It returns the same client.
func (c *Client) WithDial(dial func(ctx context.Context, network, address string) (net.Conn, error)) *Client {
	c.transport.DialContext = dial
	return c
}

// Status asks for the host's status. Errors: those of Ask.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return CallStatus.Ask(ctx, c, None{})
}

// call makes one call, without a retry.
func (c *Client) call(ctx context.Context, o Info, path string, body []byte, into any) error {
	request, err := c.request(ctx, o.Method, path, body)
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("%w at %s: %w", ErrUnreachable, c.shown, reason(err))
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("%w at %s: the answer broke off: %w", ErrUnreachable, c.shown, reason(err))
	case len(body) > maxAnswer:
		return fmt.Errorf("%w at %s: the answer is longer than %d bytes", ErrUnreachable, c.shown, maxAnswer)
	}
	return decodeAnswer(response.StatusCode, response.Header.Get("Content-Type"), body, into)
}

// request makes a request that carries the caller's proof and reason.
func (c *Client) request(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.reason != "" && method != http.MethodGet {
		request.Header.Set(HeaderReason, url.QueryEscape(c.reason))
	}
	if c.claim != "" {
		request.Header.Set(HeaderClaim, url.QueryEscape(c.claim))
	}
	return request, nil
}

// decodeAnswer decodes an answer into the expected type, or returns its problem.
func decodeAnswer(status int, contentType string, body []byte, into any) error {
	if status == http.StatusOK {
		if err := strictjson.DecodeMessage(body, into); err != nil {
			return fmt.Errorf("%w: the server is not a hotpair host: %w", ErrUnreachable, err)
		}
		return nil
	}
	var p Problem
	if strings.HasPrefix(contentType, "application/problem+json") && strictjson.DecodeMessage(body, &p) == nil && p.Title != "" {
		return &p
	}
	if bytes.Contains(body, []byte("HTTP request to an HTTPS server")) { // net/http's words
		return fmt.Errorf("%w: the server speaks HTTPS: write https:// before its address", ErrUnreachable)
	}
	return fmt.Errorf("%w: the server is not a hotpair host: %s", ErrUnreachable, wording.Or(http.StatusText(status), strconv.Itoa(status)))
}
