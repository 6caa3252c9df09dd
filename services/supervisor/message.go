package supervisor

// What main and its supervisor say to each other, by the first byte: a message is a datagram, so none is torn and none waits for another.
const (
	// beat: main does what it is for.
	beat = 'b'
	// status is what main does, in a line. It is no beat: what makes it is not what decides.
	status = 's'
	// reread: main is to read its files again; from main, what came of it.
	reread = 'r'
)

// longestMessage bounds one, in bytes.
const longestMessage = 4096

// message is a text as it is said.
func message(kind byte, text string) []byte {
	all := append([]byte{kind}, text...)
	return all[:min(len(all), longestMessage)]
}
