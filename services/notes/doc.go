// Package notes holds what a main has to have made durable and what its updater may take long to write: what was learned of the
// pair, and without a witness the host's own copy of the pair record. It is tried until it is done, in order, and never goes back.
// The pair record itself, as a main reads and changes it, is here too.
package notes
