// Package bus is how anything in hotpair talks: connections, every subject, every message and heartbeats; what gathers
// and travels in batches is in package batch. The embedded NATS servers, and who may do what on them, are in package broker:
// whoever only connects, as every service does, does not carry a server.
//
// Why one package: a subject, the message on it and who may use it are one decision, and a reader should find it in
// one place. Nothing here knows what is said, only how; roles, storage and business live elsewhere.
//
// What it guarantees:
//   - A process can publish and subscribe only what the table in broker/permissions.go gives it.
//   - A request in flight ends with ErrDisconnected as soon as its connection is lost; none waits for a reply that can
//     no longer come.
//   - No decoder panics, whatever it is given; an unknown form is ErrVersion.
package bus
