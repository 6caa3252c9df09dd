package main

import (
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/config"
)

// TestBusiness_RunsWhatIsBuiltIn: HOTPAIR_BUSINESS takes the names that "hotpair business" runs, and no others.
func TestBusiness_RunsWhatIsBuiltIn(t *testing.T) {
	names := businessCommand().ValidArgs
	var services config.Services
	if err := services.Decode(strings.Join(names, ",")); err != nil || len(services) != len(names) {
		t.Errorf("%s: %v, %v", names, services, err)
	}
	err := services.Decode("none-of-them")
	if want := "not built in (" + strings.Join(names, ", ") + ")"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q in it", err, want)
	}
}
