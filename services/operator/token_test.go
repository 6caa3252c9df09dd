package operator_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hotpair/hotpair/services/operator"
)

func TestReadToken_TakesOneThatIsNobodyElses(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string // "" is refused
	}{
		"one line":             {"hpt_abc\n", 0o600, "hpt_abc"},
		"for a group to read":  {"hpt_abc", 0o640, "hpt_abc"},
		"for all to read":      {"hpt_abc", 0o644, ""},
		"for a group to write": {"hpt_abc", 0o660, ""},
		"nothing":              {"\n", 0o600, ""},
		"two":                  {"hpt_abc\nhpt_def\n", 0o600, ""},
		"no text":              {"hpt\x00", 0o600, ""},
	} {
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		if got, err := operator.ReadToken(path); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := operator.ReadToken(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("no error for a file that there is not")
	}
}

// What has no role is nobody's, and each role may do what the ones before may.
func TestRole_May(t *testing.T) {
	order := append([]operator.Role{operator.Anyone}, operator.Roles()...)
	for i, has := range order {
		for j, need := range order {
			if has.May(need) != (i >= j) {
				t.Errorf("%s may do what needs %s: %v", has, need, has.May(need))
			}
		}
		for _, none := range []operator.Role{"", "root", "Admin"} {
			if has.May(none) || none.May(has) {
				t.Errorf("%q and %s", none, has)
			}
		}
	}
}

func TestPerson_AllowSaysWhatIsMissing(t *testing.T) {
	alice := operator.Person{Name: "alice", Role: operator.Operate, Way: operator.ByToken}
	if err := alice.Allow("switchover", operator.Operate); err != nil {
		t.Error(err)
	}
	for who, c := range map[*operator.Person]int{&alice: 403, {}: 401, {Role: operator.Anyone}: 401} {
		p := operator.NewProblem(who.Allow("promote", operator.Administer))
		if p.Status != c || p.Detail == "" {
			t.Errorf("%v: %+v", who, p)
		}
	}
}
