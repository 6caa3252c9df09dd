package mutation

import "testing"

// TestRules_Compile: each edit is one of the code as it is, and leaves code that compiles. What does not compile breaks no rule.
func TestRules_Compile(t *testing.T) {
	var mutants [][]Edit
	for _, r := range Rules() {
		mutants = append(mutants, r.Edits)
	}
	for _, name := range []string{"role", "updater", "terminalif"} { // which have all that is edited, or import it
		build(t, "../..", "github.com/hotpair/hotpair/services/"+name, mutants, "const mutant = 1\n", []string{"build"})
	}
}
