// Package authority issues the certificates of a pair that has no other authority.
//
// A [Root] is made once and kept away from the hosts, optionally with a passphrase. It signs an issuing key, an
// [Issuer], which both hosts hold: so they renew certificates, and enrol terminals, unattended. On disk the issuing
// key is sealed for a [Seal], a key file outside the data directory and all backups. When seals are lost, the root
// signs a new issuing key; members that trust the root need nothing new. A thief of a host, including its seal, can
// issue certificates: then the pair needs a new root.
//
//	root, err := authority.New(pair, time.Now())
//	issuer, err := root.Rotate(time.Now())
//	raw, err := issuer.Seal(seal.Recipient())
//	…
//	issuer, err = authority.Open(path, seal)
//	chain, err := issuer.Issue(key.Public(), identity.Host(pair, "a"), authority.Life(identity.RoleHost), time.Now())
package authority
