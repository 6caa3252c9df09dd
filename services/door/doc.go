// Package door accepts and dials authenticated connections.
//
// [Open] puts TLS on a listener: handshakes run beside the accept loop, bounded in number and time, so that neither a
// slow peer nor thousands of half-open connections keep an honest one out. [Dial] is the other end. Both return a
// [Conn] with its [identity.Peer]. A failed dial returns a [Fault], which says what it proves about the other
// process, in the terms of package evidence. [Wire] combines both as a network for a bus.
//
// The first byte after the handshake is the listener's welcome. In TLS 1.3 the dialling side's handshake is over
// before the other side has checked its certificate: without that byte a dial could succeed that is about to be
// refused.
//
// FIN, RST and a refused port are not authenticated, as always with TCP: an attacker who can forge packets can forge
// them.
package door
