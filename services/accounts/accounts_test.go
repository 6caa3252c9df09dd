package accounts

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func account(name string) Account {
	return Account{Name: name, Role: "operate", Digest: Digest("token of " + name), Created: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
}

func with(t *testing.T, l List, c Change) List {
	t.Helper()
	next, err := l.Apply(c)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(next.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(next, again); diff != "" {
		t.Fatal(diff)
	}
	return next
}

func TestList_IsChangedOneByOne(t *testing.T) {
	var l List
	for _, name := range []string{"bob", "alice", "carol"} {
		a := account(name)
		l = with(t, l, Change{Add: &a})
	}
	if l.Accounts[0].Name != "alice" || l.Accounts[2].Name != "carol" {
		t.Errorf("%+v", l)
	}
	fresh := Account{Name: "bob", Digest: Digest("another"), Rotated: time.Unix(9, 0).UTC()}
	before := l
	l = with(t, l, Change{Rotate: &fresh})
	if b, _ := l.Find("bob"); b.Digest != Digest("another") || b.Role != "operate" || b.Created.IsZero() {
		t.Errorf("rotated: %+v", b)
	}
	if b, _ := before.Find("bob"); b.Digest != Digest("token of bob") {
		t.Error("the list before has changed too")
	}
	l = with(t, l, Change{Remove: "alice"})
	if _, there := l.Find("alice"); there || len(l.Accounts) != 2 {
		t.Errorf("removed: %+v", l)
	}
}

func TestList_RefusesWhatDoesNotFit(t *testing.T) {
	bob := account("bob")
	l := with(t, List{}, Change{Add: &bob})
	full := List{}
	for i := range Most {
		full.Accounts = append(full.Accounts, account(fmt.Sprintf("op%03d", i)))
	}
	short, odd, tall := account("x"), account("x"), account("x")
	short.Digest, odd.Role, tall.By = "ab", "root", strings.Repeat("x", maxBy+1)
	for what, c := range map[string]struct {
		list   List
		change Change
	}{
		"again":        {l, Change{Add: &bob}},
		"too many":     {full, Change{Add: &bob}},
		"no digest":    {l, Change{Add: &short}},
		"no such role": {l, Change{Add: &odd}},
		"much":         {l, Change{Add: &tall}},
		"absent":       {l, Change{Remove: "carol"}},
		"absent one's": {l, Change{Rotate: &Account{Name: "carol"}}},
		"no token":     {l, Change{Rotate: &Account{Name: "bob"}}},
		"nothing":      {l, Change{}},
	} {
		if next, err := c.list.Apply(c.change); err == nil || cmp.Diff(c.list, next) != "" {
			t.Errorf("%s: %v, %+v", what, err, next)
		}
	}
	for _, name := range []string{"", "-x", "a b", "a\nb", "ä", "a/b", strings.Repeat("a", 65), "a\"b"} {
		if CheckName(name) == nil {
			t.Errorf("%q is taken", name)
		}
	}
	for _, name := range []string{"a", "alice", "a.b@example.com", "on-call_2"} {
		if err := CheckName(name); err != nil {
			t.Error(err)
		}
	}
}

// TestToken_CantBeGuessed holds what makes a plain digest enough.
func TestToken_CantBeGuessed(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		token := NewToken()
		if text := strings.TrimPrefix(token, TokenPrefix); len(text)*5 < TokenBits || text == token || seen[token] {
			t.Fatalf("%s", token)
		}
		seen[token] = true
	}
}

// FuzzDecode: a list that is read is one that could have been made.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"accounts":[]}`))
	f.Add(List{Accounts: []Account{account("a"), account("b")}}.Encode())
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := Decode(text)
		if err != nil {
			if !errors.Is(err, ErrDamaged) || len(l.Accounts) > 0 {
				t.Errorf("%v, %+v", err, l)
			}
			return
		}
		for _, a := range l.Accounts {
			if found, ok := l.Find(a.Name); !ok || found.Digest != a.Digest {
				t.Errorf("%s is not found", a.Name)
			}
		}
	})
}
