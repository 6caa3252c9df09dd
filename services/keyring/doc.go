// Package keyring has the keys of a pair's hosts that its witness lets in: what that list is, how it changes, and who keeps it.
//
// A certificate says who somebody is, for as long as its authority's word counts. That is too long for the witness, where one write
// decides who serves: the key of a host that was replaced opens it no more, although its certificate is as good as ever. So the witness
// keeps a [Ring], asks it in each handshake ([Gate]), and ends connections when it changes. A host's main keeps the ring right ([Keeper]).
//
// The ring lies beside the pair record and is no part of it. A change of the record names the revision that it rests on; were a renewed
// key such a change, it could make a takeover fail that began a moment before. The role machine knows nothing of it: who is not let in has
// a witness that does not answer, which it is made for.
//
// How it changes:
//   - Where there is no ring, any host of the pair is let in, and the first one that writes it closes the door behind itself.
//   - A host that gets a new key writes it beside the old one, over a connection that it has with that, before it shows the new
//     one to anybody ([Source]). Two keys of a host are valid at a time.
//   - A host that comes with a key that is in no ring, because it was made anew, is vouched for: the other host has its name and key
//     from the handshake of the link, and writes them in place of those that it had. Those are retired: nobody vouches for them again.
//   - A witness that lost its ring, or went back to an older one, is given the newer one by the first host that it lets in.
package keyring
