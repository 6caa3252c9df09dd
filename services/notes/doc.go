// Package notes holds what a main makes durable through its updater, which may take long to write: its knowledge of the
// pair and, without a witness, the host's own copy of the pair record. Writes are retried until they succeed, in order,
// and never go back. It also has the pair record as a main reads and changes it.
package notes
