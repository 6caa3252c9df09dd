package link

import (
	"net"
	"net/netip"
)

// Reachable gives an address that a host says it listens on as others reach it: one that listens on all its addresses
// is where its link is.
func Reachable(address, link string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip, err := netip.ParseAddr(host); host != "" && (err != nil || !ip.IsUnspecified()) {
		return address
	}
	host, _, err = net.SplitHostPort(link)
	if err != nil {
		return address
	}
	return net.JoinHostPort(host, port)
}
