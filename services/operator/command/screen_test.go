package command

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hotpair/hotpair/bus"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/operatortest"
	"github.com/hotpair/hotpair/services/operator/screen"
)

func wantScreen(t *testing.T, text string) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for _, line := range lines {
		if n := utf8.RuneCountInString(line); n > screen.Width {
			t.Errorf("%d characters wide: %q", n, line)
		}
		if strings.IndexFunc(line, func(r rune) bool { return r < 0x20 || r == 0x202e }) >= 0 {
			t.Errorf("control characters in %q", line)
		}
	}
}

func TestStatusScreen_ForEachMode(t *testing.T) {
	for name, status := range operatortest.Samples() {
		t.Run(name, func(t *testing.T) {
			s := &screen.Screen{}
			statusScreen(s, status)
			wantScreen(t, s.Out.String())
			if n := strings.Count(s.Out.String(), "\n"); n > 24 {
				t.Errorf("%d lines do not fit on one screen", n)
			}
			operatortest.Golden(t, name, s.Out.String())
		})
	}
}

func TestStatusScreen_Colour_IsInTheHeadlineOnly(t *testing.T) {
	for name, code := range map[string]string{"active-paired": "32", "active-solo": "33", "active-lost": "31", "standby-waiting": "31"} {
		s := &screen.Screen{Colour: true}
		statusScreen(s, operatortest.Samples()[name])
		headline, rest, _ := strings.Cut(s.Out.String(), "\n")
		if !strings.HasPrefix(headline, "\x1b[1;"+code+"m") || !strings.HasSuffix(headline, "\x1b[0m") || strings.Contains(rest, "\x1b") {
			t.Errorf("%s: %q", name, s.Out.String())
		}
	}
}

func TestHistoryScreen(t *testing.T) {
	for name, p := range map[string]bus.HistoryPage{
		"history": operatortest.HistoryPage(), "history-empty": {}, "history-trimmed": {First: 100, Last: 200},
	} {
		s := &screen.Screen{}
		historyScreen(s, p)
		wantScreen(t, s.Out.String())
		operatortest.Golden(t, name, s.Out.String())
	}
}

func TestSwitchoverScreen(t *testing.T) {
	s := &screen.Screen{}
	switchoverScreen(s, operatortest.Switched(), nil)
	wantScreen(t, s.Out.String())
	operatortest.Golden(t, "switchover", s.Out.String())
}

// FuzzScreens: whatever a host answers, a screen stays one.
func FuzzScreens(f *testing.F) {
	f.Add([]byte(`{"host":"a","position":"7/1","processes":{"x":{"pid":1}},"events":[{"step":"B1"}]}`))
	f.Add([]byte(`{"type":"urn:hotpair:problem:refused","title":"x","result":{"steps":[{}]}}`))
	f.Add([]byte(`{"catch_up":{"done":1e300,"missing":3},"role":"standby","mode":"copying","position":"7"}`))
	f.Add([]byte(`{"hosts":{"a":{"http":"http://127.0.0.1:1"}},"updates":[{"position":"1/1","keys":["k"]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var status operator.Status
		if json.Unmarshal(body, &status) == nil {
			s := &screen.Screen{}
			statusScreen(s, status)
			wantScreen(t, s.Out.String())
		}
		var page bus.HistoryPage
		if json.Unmarshal(body, &page) == nil {
			s := &screen.Screen{}
			historyScreen(s, page)
			wantScreen(t, s.Out.String())
		}
		var done operator.Switchover
		if json.Unmarshal(body, &done) == nil {
			s := &screen.Screen{}
			switchoverScreen(s, done, nil)
			wantScreen(t, s.Out.String())
		}
	})
}
