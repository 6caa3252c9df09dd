package requestid

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestFault_B6_OneRuleForIds: +00:00, as Python writes UTC, and 40 Cyrillic letters passed the agent, and were refused only by the
// store, after the service had worked on them.
func TestFault_B6_OneRuleForIds(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	for id, issued := range map[string]time.Time{
		"2026-01-02T03:04:05.678Z/order-17":                       at,
		"2026-01-02T03:04:05.678+00:00/order-17":                  at,
		"2026-01-02T03:04:05.678-00:00/x":                         at,
		"2026-01-02T03:04:05.678Z/" + strings.Repeat("ж", 40):     at,
		"2026-01-02T03:04:05.678Z/a/b c":                          at,
		"2026-01-02T03:04:05.678Z/" + strings.Repeat("x", Max-25): at,
		"019b7c3e-9a2e-7c41-8d7e-5f0c8a3b2e11":                    time.UnixMilli(0x019b7c3e9a2e).UTC(),
		"019B7C3E-9A2E-7C41-8D7E-5F0C8A3B2E11":                    time.UnixMilli(0x019b7c3e9a2e).UTC(),
		"1970-01-01T00:00:00Z/x":                                  time.Unix(0, 0).UTC(),
	} {
		if got, err := Issued(id); err != nil || !got.Equal(issued) {
			t.Errorf("%s: %v, %v, want %v", id, got, err, issued)
		}
	}
	for id, said := range map[string]string{
		"":                            "such as 2026",
		"order-17":                    "such as 2026",
		"2026-01-02T03:04:05Z/":       "such as 2026",
		"2026-01-02T03:04:05Z":        "such as 2026",
		"yesterday/x":                 "no time of RFC 3339",
		"2026-01-02 03:04:05Z/x":      "no time of RFC 3339",
		"2026-01-02T03:04:05+02:00/x": "write it as 2026-01-02T01:04:05Z",
		"2026-01-02T03:04:05Z/a\x00":  "can't be printed",
		"2026-01-02T03:04:05Z/\xff":   "can't be printed",
		"2026-01-02T03:04:05Z/" + strings.Repeat("x", Max-20): "it has 129 bytes, at most 128",
		"9026-01-02T03:04:05Z/x":                              "the year 9026",
		"1969-01-02T03:04:05Z/x":                              "the year 1969",
		"9d2c8f0e-3b1a-4c6d-9e7f-0a1b2c3d4e5f":                "a UUID of version 4",
		"ffffffff-9a2e-7c41-8d7e-5f0c8a3b2e11":                "the year 10889",
		"019b7c3e-9a2e-7c41-8d7e-5f0c8a3b2e1g":                "such as 2026",
	} {
		if got, err := Issued(id); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), said) {
			t.Errorf("%q: %v, %v, want %q", id, got, err, said)
		}
	}
}

func FuzzIssued(f *testing.F) {
	for _, id := range []string{"2026-01-02T03:04:05Z/x", "2026-01-02T03:04:05.999999999+00:00/ä", "019b7c3e-9a2e-7c41-8d7e-5f0c8a3b2e11", "/", ""} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		issued, err := Issued(id)
		switch {
		case err != nil && (!errors.Is(err, ErrInvalid) || !utf8.ValidString(err.Error())):
			t.Errorf("%q: %q", id, err)
		case err == nil && (len(id) > Max || !utf8.ValidString(id) || issued.Year() < firstYear || issued.Year() > lastYear || issued.UnixNano() < 0 || issued.Location() != time.UTC):
			t.Errorf("%q was issued at %v", id, issued)
		}
	})
}
