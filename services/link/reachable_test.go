package link

import "testing"

func TestReachable_IsWhereOthersFindAHost(t *testing.T) {
	for _, c := range []struct{ address, link, want string }{
		{"127.0.0.1:7704", "192.0.2.2:7702", "127.0.0.1:7704"},
		{"192.0.2.2:7704", "198.51.100.2:7702", "192.0.2.2:7704"},
		{"[::]:7704", "192.0.2.2:7702", "192.0.2.2:7704"},
		{"0.0.0.0:7704", "b.example:7702", "b.example:7704"},
		{":7704", "[2001:db8::2]:7702", "[2001:db8::2]:7704"},
		{"[::]:7704", "nonsense", "[::]:7704"},
		{"nonsense", "192.0.2.2:7702", "nonsense"},
	} {
		if got := Reachable(c.address, c.link); got != c.want {
			t.Errorf("%s with a link to %s: %s, want %s", c.address, c.link, got, c.want)
		}
	}
}
