package operator_test

import (
	"testing"

	"github.com/hotpair/hotpair/services/operator"
)

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
	alice := operator.Person{Name: "alice", Role: operator.Operate, Credential: operator.ByToken}
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
