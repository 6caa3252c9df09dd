// Package door lets in who has proved who it is, and proves it to whom it dials.
//
// [Open] puts TLS on a listener: handshakes beside the accept loop, bounded in number and time, so that neither a slow peer nor thousands of
// half-open ones keep an honest one out. [Dial] is the other end. Both give a [Conn] with its [identity.Peer]. What a dial that failed proves about
// the other process is in its [Fault], in the words of package evidence. [Wire] is both as one network, which a bus can be given.
//
// The first byte after the handshake is a word of welcome of who listens. In TLS 1.3 the handshake of who dials is over before the other side
// has judged its certificate: without that byte a dial would succeed that is about to be refused.
//
// FIN, RST and a refused port are proved by nobody, here as everywhere: who can forge packets can forge them.
package door
