package description_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/services/terminalif/description"
)

// TestDescription_Lacking: who asks for what is not there is told what is, in a sentence that a header can carry.
func TestDescription_Lacking(t *testing.T) {
	many := description.Description{}
	for i := range 4000 {
		many.Subjects = append(many.Subjects, fmt.Sprintf("business.shop.%s%04d", strings.Repeat("o", 60), i))
	}
	for name, test := range map[string]struct {
		of   description.Description
		want string
	}{
		"two":         {description.Description{Subjects: []string{"business.shop.sell", "business.shop.hold"}}, "; its operations are hold, sell"},
		"none":        {description.Description{}, ""},
		"not its own": {description.Description{Subjects: []string{"business.stock.add", "business.shop.a b", "business.shop.>"}}, ""},
	} {
		if got, want := test.of.Lacking("shop")("sel"), "service shop has no operation sel"+test.want; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := many.Lacking("shop")("sel"); len(got) > 600 || !strings.HasSuffix(got, " and 3994 more") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}
