package simulator

import "github.com/hotpair/hotpair/storage/position"

// mostKept bounds the acknowledged requests of one run that are kept to be repeated at the end, some 200 bytes each.
// Those beyond it are counted; their effects are checked all the same, through keys and balances.
const mostKept = 500_000

// acknowledged is a request with its own id that was answered, and where it took effect.
type acknowledged struct {
	call     call
	position position.Position
}

// memory is what one client was told.
type memory struct {
	limit   int
	kept    []acknowledged
	dropped int
	writes  []position.Position // of every acknowledged write: each must be another
}

func (m *memory) note(c call, a answer) {
	if !a.ok() || a.position.IsZero() {
		return
	}
	m.writes = append(m.writes, a.position)
	if c.id == "" || m.limit == 0 {
		return
	}
	if len(m.kept) >= m.limit {
		m.dropped++
		return
	}
	m.kept = append(m.kept, acknowledged{c, a.position})
}

// repeats are the checks that each acknowledged id is answered again as it was: at the same position, so not executed
// once more, and not forgotten.
func (m *memory) repeats(wrongs *findings) []check {
	var list []check
	for _, k := range m.kept {
		list = append(list, check{k.call, func(a answer) { judgeRepeat(wrongs, k, a) }})
	}
	return list
}

func judgeRepeat(wrongs *findings, was acknowledged, a answer) {
	switch {
	case a.ok() && a.position == was.position:
	case a.ok() && !a.position.IsZero():
		wrongs.add(doubled, "%s (id %s) took effect at %s, but repeated at %s", was.call, was.call.id, was.position, a.position)
	default:
		wrongs.add(missing, "%s (id %s) took effect at %s, but repeated it returns %s", was.call, was.call.id, was.position, a)
	}
}

// judgePositions finds writes that were acknowledged at one and the same position: only one of them can be there.
func judgePositions(wrongs *findings, all [][]position.Position) int {
	seen := map[position.Position]bool{}
	for _, list := range all {
		for _, p := range list {
			if seen[p] {
				wrongs.add(missing, "two updates were acknowledged at position %s", p)
			}
			seen[p] = true
		}
	}
	return len(seen)
}
