package bundle

// EncodeCheaply is Encode with a passphrase that costs little to try.
func EncodeCheaply(b Bundle, words string) ([]byte, error) { return b.encode(words, 2) }
