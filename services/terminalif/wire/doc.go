// Package wire holds everything that touches the bytes of a terminal: the dialer, the guard, the filter, the client.
//
// A terminal is not trusted. A Dialer connects to it and puts a filter in front, which passes only the lines that an
// agent's server writes, within bounds; a Conn is the client that reads them.
//
//	terminal ──► guarded (rates, deadlines) ──► filter (lines, sizes) ──► Conn ──► whoever subscribed or asked
//
// What it guarantees: nothing that a terminal sends costs more than its own connection, memory is bounded by what is
// awaited, and whoever waits hears of the end of the connection. It knows the bus and nothing of sessions and requests.
//
//	attempt := dialer.Attempt(ctx)
//	conn, err := attempt.Connect(wire.Config{Name: host, URL: url, Password: key, Complaint: complain})
//	if err != nil {
//		return err // attempt.Reason says what the dial or the filter met
//	}
//	defer conn.Close()
package wire
