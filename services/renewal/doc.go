// Package renewal gives terminals their next certificate, over the session that they have, where the pair is its own authority.
//
// A host looks at the certificates of the terminals that it is connected to. When two thirds of the life of one have passed it
// asks the agent what it has on its disk, for a session stands on the certificate that it began with. If that is due too, the host that
// serves issues another one for the same key, and the agent puts it in the place of its file, where every new connection finds it. A
// host that does not serve only takes note of what the agent has.
//
// Nothing of a session depends on it. An agent that can't write its file says why, and is asked again an hour later; hosts raise an
// alarm when the last tenth of a certificate's life has begun. The key never changes here, and never moves.
package renewal
