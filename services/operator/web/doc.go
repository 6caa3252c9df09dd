// Package web serves the operator interface of a host over HTTP: what a main offers to operators, health checks for load
// balancers, live state as server-sent events, and the OpenAPI document. Who may call is decided here: by the origin that a
// browser says, by the address, and by the token.
package web
