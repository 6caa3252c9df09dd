// Package history defines the update history: entries, the bytes by which they are stored, sent and digested, and
// the chain of digests that makes one history of them. It has no files and no state.
//
// Two hosts with the same digest at a position have the same entries up to there, byte for byte: a digest is always over
// bytes as they were stored, never over bytes that were encoded again.
//
//	stored, err := history.NewStored(end.Digest, history.Entry{…}) // where an entry is made
//	stored, err = history.ReadStored(end.Digest, raw)              // where its bytes come in
//	err = stored.Follows(end)                                      // is it the next one of this history?
//	end = stored.Mark()
package history
