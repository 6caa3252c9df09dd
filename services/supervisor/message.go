package supervisor

// Messages between main and its supervisor, by first byte. Each is a datagram, so none is split and none blocks
// another.
const (
	// beat: main works.
	beat = 'b'
	// status is main's status, one line. It is not a beat: it comes from another goroutine than main's decisions.
	status = 's'
	// reread asks main to reload its files; from main it is the outcome.
	reread = 'r'
)

// longestMessage bounds a message, in bytes.
const longestMessage = 4096

// message encodes a text for the socket.
func message(kind byte, text string) []byte {
	all := append([]byte{kind}, text...)
	return all[:min(len(all), longestMessage)]
}
