package admission

// Bounds of what is in flight, in requests and in bytes of bodies.
type Bounds struct {
	PerTerminal, InAll           int
	PerTerminalBytes, InAllBytes int
}

// Books count the requests in flight, of each terminal and in total. They are not safe for concurrent use.
type Books struct {
	Bounds Bounds
	of     map[string]load
	all    load
}

// load is what somebody has in flight.
type load struct{ count, bytes int }

// NewBooks returns empty books.
func NewBooks(b Bounds) *Books { return &Books{Bounds: b, of: map[string]load{}} }

// Full reports whether another request of a terminal, of a size in bytes, exceeds the bounds.
func (b *Books) Full(terminal string, size int) bool {
	mine := b.of[terminal]
	return mine.count >= b.Bounds.PerTerminal || mine.bytes+size > b.Bounds.PerTerminalBytes ||
		b.all.count >= b.Bounds.InAll || b.all.bytes+size > b.Bounds.InAllBytes
}

// Enter counts a request.
func (b *Books) Enter(terminal string, size int) {
	b.of[terminal] = b.of[terminal].with(1, size)
	b.all = b.all.with(1, size)
}

// Leave removes a request.
func (b *Books) Leave(terminal string, size int) {
	if mine, ok := b.of[terminal]; ok {
		if b.of[terminal] = mine.with(-1, -size); mine.count == 1 {
			delete(b.of, terminal)
		}
	}
	b.all = b.all.with(-1, -size)
}

// Beside counts the requests in flight of all other terminals.
func (b *Books) Beside(terminal string) int { return b.all.count - b.of[terminal].count }

// Clear removes all requests.
func (b *Books) Clear() {
	clear(b.of)
	b.all = load{}
}

func (l load) with(count, bytes int) load { return load{l.count + count, l.bytes + bytes} }
