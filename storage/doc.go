// Package storage keeps a host's database and the history of its updates, in one bolt file.
//
// The updates that arrive are already decided, durable in a journal and committed; what storage adds is the order, the
// chain of digests, and a place where everything is consistent at one position. Committed entries first go into an
// overlay in memory, where every read sees them at once, and then, many together, into bolt: a bolt transaction costs
// two fsyncs and a page for every random key, far too much for each update, and bolt so never holds what could be
// undone. What is only in the overlay when a process ends is in the journal.
//
// One transaction covers data, history, recorded answers, epoch starts and position, so after a crash all of them are
// as of one position, whichever it is. See DESIGN.md for the layout, the guarantees and what of bolt to beware of.
//
//	s, err := storage.Open(dir, storage.Options{Host: "a"})
//	…
//	entry, err := history.NewStored(s.Committed().Digest, history.Entry{…}) // then into the journals of both hosts
//	err = s.Commit(entry)                                                   // once it is committed
//	err = s.View(func(r *storage.Reader) error {                            // sees it
//		value, revision, ok := r.Get("kv", key)
//		…
//	})
//	applied, err := s.Flush(ctx) // now and then: into bolt
package storage
