package load

import "testing"

func TestScattered_MeetsAllAndNoneTooOften(t *testing.T) {
	const keys, rounds = 100, 20
	seen := map[int]int{}
	for client := range 4 {
		for n := range keys * rounds / 4 {
			k := scattered(client, n, keys)
			if k < 0 || k >= keys {
				t.Fatalf("%d is not below %d", k, keys)
			}
			seen[k]++
		}
	}
	if len(seen) != keys {
		t.Errorf("%d of %d keys were met", len(seen), keys)
	}
	for k, n := range seen {
		if n > 3*rounds {
			t.Errorf("key %d was met %d times", k, n)
		}
	}
}
