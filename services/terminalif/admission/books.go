package admission

// Bounds of what is in flight, in requests and in bytes of bodies.
type Bounds struct {
	PerTerminal, InAll           int
	PerTerminalBytes, InAllBytes int
}

// Books count what is in flight, of each terminal and in all. They are not safe for use by several goroutines.
type Books struct {
	Bounds Bounds
	of     map[string]load
	all    load
}

// load is what somebody has in flight.
type load struct{ count, bytes int }

// NewBooks makes empty ones.
func NewBooks(b Bounds) *Books { return &Books{Bounds: b, of: map[string]load{}} }

// Full reports whether a further request of a terminal, of so many bytes, is beyond the bounds.
func (b *Books) Full(terminal string, size int) bool {
	mine := b.of[terminal]
	return mine.count >= b.Bounds.PerTerminal || mine.bytes+size > b.Bounds.PerTerminalBytes ||
		b.all.count >= b.Bounds.InAll || b.all.bytes+size > b.Bounds.InAllBytes
}

// Enter counts one.
func (b *Books) Enter(terminal string, size int) {
	b.of[terminal] = b.of[terminal].with(1, size)
	b.all = b.all.with(1, size)
}

// Leave counts one no more.
func (b *Books) Leave(terminal string, size int) {
	if mine, ok := b.of[terminal]; ok {
		if b.of[terminal] = mine.with(-1, -size); mine.count == 1 {
			delete(b.of, terminal)
		}
	}
	b.all = b.all.with(-1, -size)
}

// Beside counts what is in flight but for that of a terminal.
func (b *Books) Beside(terminal string) int { return b.all.count - b.of[terminal].count }

// Clear forgets all.
func (b *Books) Clear() {
	clear(b.of)
	b.all = load{}
}

func (l load) with(count, bytes int) load { return load{l.count + count, l.bytes + bytes} }
