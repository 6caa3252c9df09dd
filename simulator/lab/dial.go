package lab

import "net"

// TerminalAddress is where applications reach the agent of their terminal, from inside its namespace.
const TerminalAddress = "nats://127.0.0.1:4222"

// Dialer connects from inside the namespace of a node, as an application at a terminal does.
func (l *Lab) Dialer(node string) interface {
	Dial(network, address string) (net.Conn, error)
} {
	return l.network.spaces[node]
}
