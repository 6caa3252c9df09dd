// Package enrolment adds terminals to a pair that is its own authority.
//
// An operator adds a terminal and gets a [Token], shown once. The token is given to the agent at the terminal; it
// makes its key, which never leaves that machine, and listens. The active host dials. Neither knows a certificate of
// the other, so both prove that they know the token, over a value that only the two ends of this connection can
// derive (RFC 5705): the token never crosses the network, and an attacker in between has nothing to replay. Then the
// agent requests its certificate, and gets it with the pair's roots.
//
// The use of a token is an update of the pair, and binds the token to the agent's key ([Register]): a repeated
// request with the same key gets the same certificate from either host, and another key is refused and raises an
// alarm. So either side may be killed at any point.
//
// The package knows neither sessions and requests nor which host is active: terminal-if runs the [Dialler] and tells
// it.
package enrolment
