// Package maker is the process that makes a host's backups: it has the updater give the database piece by piece, proves what came, keeps it
// in its place, reads it back from there, and removes what nobody wants to keep any more.
//
// It is a process of its own because a place of backups may hang, be slow or fill up, and may need libraries that nothing else does. It
// serves nobody: no takeover waits for it, and when it ends it is started again and a backup is begun anew. It decides nothing either: main
// says when (package operations).
//
// One run of it, from its environment:
//
//	err := maker.Run(ctx, c, archive.Trials{}, log)
package maker
