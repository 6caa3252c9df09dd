package admission

// Bounds of what is in flight, in requests and in bytes of bodies.
type Bounds struct {
	PerTerminal, InAll           int
	PerTerminalBytes, InAllBytes int
}

// Books count what is in flight, of each terminal and in all. They are not safe for use by several goroutines.
type Books struct {
	Bounds Bounds
	of     map[string]*load
	all    load
}

// load is what somebody has in flight.
type load struct{ count, bytes int }

// NewBooks makes empty ones.
func NewBooks(b Bounds) *Books { return &Books{Bounds: b, of: map[string]*load{}} }

// Full reports whether a further request of a terminal, of so many bytes, is beyond the bounds.
func (b *Books) Full(terminal string, size int) bool {
	var mine load
	if its := b.of[terminal]; its != nil {
		mine = *its
	}
	return mine.count >= b.Bounds.PerTerminal || mine.bytes+size > b.Bounds.PerTerminalBytes ||
		b.all.count >= b.Bounds.InAll || b.all.bytes+size > b.Bounds.InAllBytes
}

// Enter counts one.
func (b *Books) Enter(terminal string, size int) {
	mine := b.of[terminal]
	if mine == nil {
		mine = &load{}
		b.of[terminal] = mine
	}
	mine.add(1, size)
	b.all.add(1, size)
}

// Leave counts one no more.
func (b *Books) Leave(terminal string, size int) {
	if mine := b.of[terminal]; mine != nil {
		if mine.add(-1, -size); mine.count == 0 {
			delete(b.of, terminal)
		}
	}
	b.all.add(-1, -size)
}

// Clear forgets all.
func (b *Books) Clear() {
	clear(b.of)
	b.all = load{}
}

func (l *load) add(count, bytes int) {
	l.count += count
	l.bytes += bytes
}
