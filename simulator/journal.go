package simulator

import "github.com/hotpair/hotpair/storage/position"

// mostKept bounds the acknowledged requests of one run that are kept to be repeated at the end, some 200 bytes each.
// Others are counted; keys and balances still check their effects.
const mostKept = 500_000

// acknowledged is an answered request with its own id, and the position of its effect.
type acknowledged struct {
	call     call
	position position.Position
}

// memory holds the answers to one client.
type memory struct {
	limit   int
	kept    []acknowledged
	dropped int
	writes  []position.Position // of every acknowledged write: all must differ
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

// repeats are the checks that each acknowledged id gets the same answer again: at the same position, so it was not
// executed again, and not forgotten.
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

// judgePositions finds writes that were acknowledged at the same position: only one of them can be there.
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
