// Package maker is the process that makes a host's backups: it gets the database from the updater piece by piece,
// checks it, stores it in its place, reads it back from there, and removes old backups.
//
// It is a separate process because a place of backups may hang, be slow or fill up, and may need libraries that
// nothing else does. It serves no terminals: no takeover waits for it, and if it ends it is restarted and the backup
// starts over. It makes no decisions: main says when (package operations).
//
// One run of it, from its environment:
//
//	err := maker.Run(ctx, c, archive.Trials{}, log)
package maker
