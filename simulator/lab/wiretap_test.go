package lab

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// mostTapped bounds what a wiretap keeps, in bytes: the wires of a test carry far less.
const mostTapped = 512 << 20

// flow is one direction of a connection.
type flow struct{ from, to netip.AddrPort }

// wiretap keeps what passes on all wires of a node, without its loopback, as somebody who has a machine or a switch in between can.
type wiretap struct {
	fd     int
	ending sync.WaitGroup

	mu    sync.Mutex
	flows map[flow]*bytes.Buffer
	size  int
	err   error
}

// tap begins to listen on all wires of a node, until the test ends.
func (l *Lab) tap(t testing.TB, node string) *wiretap {
	t.Helper()
	w := &wiretap{flows: map[flow]*bytes.Buffer{}}
	err := l.network.spaces[node].do(func() (err error) {
		const all = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8
		if w.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, all); err != nil {
			return err
		}
		return errors.Join(
			unix.SetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20),
			unix.SetsockoptTimeval(w.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}))
	})
	if err != nil {
		t.Fatal("listen on the wires: ", err)
	}
	stop := make(chan struct{})
	w.ending.Go(func() { w.read(stop) })
	t.Cleanup(sync.OnceFunc(func() { close(stop); w.ending.Wait(); _ = unix.Close(w.fd) }))
	return w
}

func (w *wiretap) read(stop <-chan struct{}) {
	packet := make([]byte, 256<<10)
	for {
		n, from, err := unix.Recvfrom(w.fd, packet, 0)
		select {
		case <-stop:
			return
		default:
		}
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN):
		case err != nil:
			w.mu.Lock()
			w.err = err
			w.mu.Unlock()
			return
		default:
			if link, ok := from.(*unix.SockaddrLinklayer); ok && link.Hatype != unix.ARPHRD_LOOPBACK {
				w.keep(packet[:n])
			}
		}
	}
}

// keep takes one packet of IPv4 and TCP.
func (w *wiretap) keep(p []byte) {
	if len(p) < 20 || p[0]>>4 != 4 || p[9] != unix.IPPROTO_TCP {
		return
	}
	header, total := int(p[0]&15)*4, int(p[2])<<8|int(p[3])
	if total == 0 || total > len(p) {
		total = len(p) // what the kernel has not cut into packets yet may be longer than the field can say
	}
	tcp := p[min(header, total):total]
	if len(tcp) < 20 || int(tcp[12]>>4)*4 > len(tcp) {
		return
	}
	address := func(ip []byte, port []byte) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(ip)), uint16(port[0])<<8|uint16(port[1]))
	}
	f := flow{address(p[12:16], tcp[0:2]), address(p[16:20], tcp[2:4])}
	payload := tcp[int(tcp[12]>>4)*4:]
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.size += len(payload); w.size > mostTapped {
		w.err = fmt.Errorf("more than %d bytes", mostTapped)
		return
	}
	if w.flows[f] == nil {
		w.flows[f] = &bytes.Buffer{}
	}
	w.flows[f].Write(payload)
}

// taken gives what was said in each direction of each connection.
func (w *wiretap) taken(t testing.TB) map[flow][]byte {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		t.Fatal("the wires could not be listened to: ", w.err)
	}
	taken := map[flow][]byte{}
	for f, b := range w.flows {
		taken[f] = slices.Clone(b.Bytes())
	}
	return taken
}

// forms are the ways in which a text may stand on a wire: as it is, and in hexadecimal or base64, wherever that begins.
func forms(text string) [][]byte {
	list := [][]byte{[]byte(text), []byte(hex.EncodeToString([]byte(text))), []byte(strings.ToUpper(hex.EncodeToString([]byte(text))))}
	if raw, err := hex.DecodeString(text); err == nil && len(raw) >= 8 {
		list = append(list, raw) // the bytes that it is the hexadecimal of
	}
	for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 {
			coded := alphabet.EncodeToString(append(make([]byte, shift), text...))
			// The first and last characters depend on what stands beside it.
			list = append(list, []byte(coded[2*shift:len(coded)-2]))
		}
	}
	return list
}

// readable says where one of the texts was said, as it is or coded, by what it is.
func readable(taken map[flow][]byte, texts map[string]string) map[string]flow {
	found := map[string]flow{}
	for what, text := range texts {
		for _, form := range forms(text) {
			for f, said := range taken {
				if bytes.Contains(said, form) {
					found[what] = f
				}
			}
		}
	}
	return found
}

// The search itself: it finds a text in each form, at each place, and nothing where there is none.
func TestWiretap_FindsEachForm(t *testing.T) {
	const text = "a password that nobody else has"
	for _, before := range []string{"", "x", "xy", "xyz"} {
		for how, said := range map[string]string{
			"as it is": before + text + "|", "hexadecimal": hex.EncodeToString([]byte(before + text + "|")),
			"base64": base64.StdEncoding.EncodeToString([]byte(before + text + "|")), "base64 of URLs": base64.URLEncoding.EncodeToString([]byte(before + text + "|")),
		} {
			if found := readable(map[flow][]byte{{}: []byte("..." + said + "...")}, map[string]string{"it": text}); len(found) != 1 {
				t.Errorf("%s, %d bytes on: not found in %q", how, len(before), said)
			}
		}
	}
	if found := readable(map[flow][]byte{{}: []byte("a password that nobody has")}, map[string]string{"it": text}); len(found) != 0 {
		t.Error(found)
	}
}
