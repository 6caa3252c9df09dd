// Package authority issues the certificates of a pair that has no other authority.
//
// A [Root] is made once and kept away from the hosts, with a passphrase if wanted. It signs an issuing key, an [Issuer], which both hosts
// hold: so they renew certificates, and let terminals in, with nobody there. On a disk the issuing key is sealed for a [Seal], a key file
// that lies outside of the data directory, and of every backup. When seals are lost, the root signs a new issuing key; whoever trusts the root needs
// nothing new. Who has stolen a host, its seal included, can issue certificates: then the pair needs a new root.
//
//	root, err := authority.New(pair, time.Now())
//	issuer, err := root.Rotate(time.Now())
//	raw, err := issuer.Seal(seal.Recipient())
//	…
//	issuer, err = authority.Open(path, seal)
//	chain, err := issuer.Issue(key.Public(), identity.Host(pair, "a"), authority.Life(identity.RoleHost), time.Now())
package authority
