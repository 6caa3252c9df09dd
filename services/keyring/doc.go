// Package keyring holds the keys of a pair's hosts that its witness accepts: the list, its changes, and its keeper.
//
// A certificate identifies a member for as long as it is valid. That is too long for the witness, where one write
// decides which host is active: the key of a replaced host must be rejected at once, although its certificate is
// still valid. So the witness keeps a [Ring], checks it in each handshake ([Gate]), and closes connections when it
// changes. A host's main keeps the ring up to date ([Keeper]).
//
// The ring is stored beside the pair record but is not part of it. A change of the record names the revision that it
// is based on; if a new key were such a change, it could make a takeover fail that began a moment before. The role
// machine knows nothing of the ring: to a rejected host the witness appears not to answer, a case it handles.
//
// How it changes:
//   - Without a ring, any host of the pair is accepted; the first one that writes it excludes all others.
//   - A host with a new key writes it beside the old one, over a connection with the old key, before it presents the new
//     one to any peer ([Source]). Two keys of a host are valid at a time.
//   - A host with a key in no ring, because it was set up again, is vouched for: the other host knows its name and key
//     from the handshake of the link, and writes them in place of its previous keys. Those are retired: no host vouches
//     for them again.
//   - A witness that lost its ring, or went back to an older one, gets the newer one from the first host it accepts.
package keyring
