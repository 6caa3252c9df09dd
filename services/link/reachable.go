package link

import (
	"net"
	"net/netip"
)

// Reachable turns the address on which a host says it listens into one that others reach: a host that listens on all
// its addresses is reached where its link is.
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
