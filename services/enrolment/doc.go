// Package enrolment lets terminals into a pair that is its own authority.
//
// An operator adds a terminal and is given a [Token], once. At the terminal, the agent is told it; it makes its key, which never
// leaves that machine, and listens. The host that serves dials. Neither knows a certificate of the other, so both prove that they
// know the token, over what only the two ends of this connection can derive (RFC 5705): the token never crosses the wire, and
// who stands in between has nothing to repeat. Then the agent asks for its certificate, and gets it with the pair's roots.
//
// That a token was used is an update of the pair like any other, and binds it to the agent's key ([Register]): the same key
// asked again gets the same certificate, whichever host serves then, and another key is refused and raises an alarm. So either side may be
// killed in the middle.
//
// What it does not know: sessions and requests, and who serves. terminal-if runs the [Dialler] and says so.
package enrolment
