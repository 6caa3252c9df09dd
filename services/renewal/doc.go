// Package renewal gives terminals their next certificate over their session, if the pair is its own authority.
//
// A host checks the certificates of its connected terminals. When two thirds of the life of one have passed, it asks
// the agent for the one on its disk, because a session keeps the certificate that it began with. If that one is due
// too, the active host issues another one for the same key, and the agent replaces its file, which every new
// connection uses. A standby only records what the agent has.
//
// No session depends on it. An agent that can't write its file reports why, and is asked again an hour later; hosts
// raise an alarm when the last tenth of a certificate's life has begun. The key never changes here, and never leaves
// the machine.
package renewal
