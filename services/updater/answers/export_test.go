package answers

// Bytes is what the answers of a queue take, by the books.
func (b *Books) Bytes(series string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.series[series].bytes
}
