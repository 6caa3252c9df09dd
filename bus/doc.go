// Package bus is how the processes of hotpair communicate: connections, every subject, every message and heartbeats.
// Batching is in package batch. The embedded NATS servers and their permissions are in package broker: a program that
// only connects, as every service does, does not include a server.
//
// Why one package: a subject, the message on it and who may use it are one decision, and a reader should find it in
// one place. This package knows how messages travel, not what they mean; roles, storage and business live elsewhere.
//
// What it guarantees:
//   - A process can publish and subscribe only to what the table in broker/permissions.go allows it.
//   - A request in flight ends with ErrDisconnected as soon as its connection is lost, rather than wait for a reply
//     that can't come.
//   - No decoder panics, whatever it is given; an unknown form is ErrVersion.
package bus
