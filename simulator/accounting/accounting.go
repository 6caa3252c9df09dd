// Package accounting receives the emissions of service tickets, for loads: each seat that is sold or free again. It
// follows the rule of [emissions.Receiver], and returns the outcome of each seat and what was wrong.
//
// It can be as unreliable as real receivers are (Options.Fails), so that emissions are sent again while nothing else
// fails.
package accounting

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hotpair/hotpair/services/courier/waybill"
	"github.com/hotpair/hotpair/services/emissions"
	"github.com/hotpair/hotpair/services/operator"
)

// Target is its name among the pair's targets.
const Target = "simulated-accounting"

const (
	// mostBody bounds the body of a post, mostWrong the kept errors; all are counted.
	mostBody  = 1 << 20
	mostWrong = 20
	// mostLanes bounds the seats of one office.
	mostLanes = 1 << 20
	// lastKeys is how many emissions of a lane are remembered, to check that a repeated one is the same.
	lastKeys = 4
	// tolerance is how far the clocks of hosts may be from that of the office: faults move them by years, and any
	// other receiver refuses a host whose clock is that far off.
	tolerance = 25 * 366 * 24 * time.Hour
	// readWithin bounds how long a post may take to arrive.
	readWithin = 30 * time.Second
	// life of the certificate, before and after now.
	life = tolerance
)

// Options configures an office.
type Options struct {
	// Host is the address under which hosts reach the listener.
	Host string
	// Prefix begins the names of the checked seats: those of one load. Others are accepted and ignored.
	Prefix string
	// Fails: every nth post fails, in one of the ways in which posts fail; 0: none does.
	Fails int
}

// Seat is what an office received about a seat, each emission once.
type Seat struct {
	Free, Sold int
	// Late: an emission came after the sale.
	Late bool
}

// Counts are the received posts.
type Counts struct {
	Posts, Taken, Again, Failed int // of the seats of the load; Failed on purpose
}

// Office is a receiver. It accepts posts until Close.
type Office struct {
	options Options
	url     string
	secret  string
	roots   string
	server  *http.Server
	ended   chan struct{}
	seed    maphash.Seed

	mu     sync.Mutex
	lanes  map[string]*lane
	counts Counts
	wrong  []string
	wrongs int
}

type lane struct {
	seat    Seat
	rule    emissions.Receiver
	keys    [lastKeys]string // of emissions
	sums    [lastKeys]uint64 // of their bodies
	written int
}

// Open starts accepting posts at a listener, which Close closes.
func Open(listener net.Listener, o Options) (*Office, error) {
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return nil, fmt.Errorf("secret of accounting: %w", err)
	}
	certificate, roots, err := certify(o.Host)
	if err != nil {
		return nil, fmt.Errorf("certificate of accounting: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, fmt.Errorf("address of accounting: %w", err)
	}
	f := &Office{
		options: o, url: "https://" + net.JoinHostPort(o.Host, port) + "/hotpair", secret: hex.EncodeToString(random), roots: roots,
		ended: make(chan struct{}), seed: maphash.MakeSeed(), lanes: map[string]*lane{},
	}
	f.server = &http.Server{
		Handler: http.HandlerFunc(f.serve), ErrorLog: log.New(io.Discard, "", 0), ReadTimeout: readWithin, MaxHeaderBytes: 64 << 10,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	go func() {
		defer close(f.ended)
		_ = f.server.ServeTLS(listener, "", "") // until it is closed
	}()
	return f, nil
}

// Close stops it. It may be called again.
func (f *Office) Close() error {
	err := f.server.Close()
	<-f.ended
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Announce makes it the pair's target of its name, instead of an earlier office.
func (f *Office) Announce(ctx context.Context, client *operator.Client) error {
	targets, err := operator.CallTargets.Ask(ctx, client, operator.None{})
	if err != nil {
		return fmt.Errorf("targets: %w", err)
	}
	set := waybill.SetTarget{Name: Target, URL: f.url, Secret: f.secret, Roots: f.roots}
	set.New = !slices.ContainsFunc(targets.Targets, func(t waybill.ShownTarget) bool { return t.Name == Target })
	if _, err := operator.CallSetTarget.Ask(ctx, client, set); err != nil {
		return fmt.Errorf("target %s: %w", Target, err)
	}
	return nil
}

// Seat returns what was received about a seat.
func (f *Office) Seat(name string) Seat {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l := f.lanes[name]; l != nil {
		return l.seat
	}
	return Seat{}
}

// Counts returns the counts of received posts.
func (f *Office) Counts() Counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts
}

// Wrong lists violations that no receiver should ever see, and returns their number.
func (f *Office) Wrong() (list []string, all int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.wrong...), f.wrongs
}

// certify makes a self-signed certificate.
func certify(host string) (c tls.Certificate, roots string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return c, "", err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: Target}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.Add(-life), NotAfter: now.Add(life), // whatever the clocks of hosts say
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return c, "", err
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})), nil
}

func (f *Office) note(format string, a ...any) {
	if f.wrongs++; len(f.wrong) < mostWrong {
		f.wrong = append(f.wrong, "accounting: "+fmt.Sprintf(format, a...))
	}
}

func (f *Office) mine(seat string) bool { return strings.HasPrefix(seat, f.options.Prefix) }
