package waybill

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hotpair/hotpair/storage/position"
)

// FuzzParse: a number is read as it is written, and whatever else is refused.
func FuzzParse(f *testing.F) {
	f.Add(Text(position.Number{Epoch: 7, Sequence: 123, Index: 4}))
	f.Add("7/123")
	f.Add("1/2/4294967296")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(Text(n)); err != nil || again != n {
			t.Errorf("%q is read as %v, then as %v, %v", text, n, again, err)
		}
	})
}

func TestTargets_ShowNoSecret(t *testing.T) {
	for _, v := range []any{Setting{URL: "https://a", Secret: []byte("hush")}, SetTarget{Name: "a", URL: "https://a", Secret: "hush"}} {
		if text := fmt.Sprintf("%v %+v %s", v, v, v); strings.Contains(text, "hush") || !strings.Contains(text, "https://a") {
			t.Error(text)
		}
	}
}

func TestSetTarget_RefusesWhatCantBe(t *testing.T) {
	age := func(ms int64) *int64 { return &ms }
	for what, c := range map[string]struct {
		set  SetTarget
		says string
	}{
		"https":              {SetTarget{Name: "billing", New: true, URL: "https://billing.example.com:8443/a?b=c"}, ""},
		"this machine":       {SetTarget{Name: "billing", New: true, URL: "http://127.0.0.1:80/"}, ""},
		"nothing changed":    {SetTarget{Name: "billing"}, ""},
		"no age":             {SetTarget{Name: "billing", AgeMS: age(0)}, ""},
		"no name":            {SetTarget{New: true, URL: "https://a"}, "invalid name"},
		"a slash":            {SetTarget{Name: "a/b"}, "invalid name"},
		"no URL":             {SetTarget{Name: "billing", New: true}, "has no URL"},
		"another machine":    {SetTarget{Name: "billing", URL: "http://billing.example.com"}, "plain http"},
		"a password":         {SetTarget{Name: "billing", URL: "https://a:b@c"}, "password"},
		"a fragment":         {SetTarget{Name: "billing", URL: "https://a/#b"}, "fragment"},
		"another scheme":     {SetTarget{Name: "billing", URL: "ftp://a"}, "https://"},
		"no host":            {SetTarget{Name: "billing", URL: "https:///a"}, "no host"},
		"no URL at all":      {SetTarget{Name: "billing", URL: "https://a b"}, "ASCII"},
		"too short a secret": {SetTarget{Name: "billing", Secret: "hush"}, "16 to 1024"},
		"not of ASCII":       {SetTarget{Name: "billing", Secret: "ein Geheimnis für uns"}, "printable ASCII"},
		"not of UTF-8":       {SetTarget{Name: "billing", Secret: "sixteen and more\xff"}, "printable ASCII"},
		"with a line's end":  {SetTarget{Name: "billing", Secret: "sixteen and more\n"}, "printable ASCII"},
		"a secret":           {SetTarget{Name: "billing", Secret: "sixteen ~and <more>"}, ""},
		"no certificate":     {SetTarget{Name: "billing", Roots: "-----BEGIN"}, "no certificate"},
		"too young":          {SetTarget{Name: "billing", AgeMS: age(1)}, "the age"},
		"of the past":        {SetTarget{Name: "billing", AgeMS: age(-1)}, "the age"},
	} {
		err := c.set.Check()
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hush")) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// FuzzSetTarget: whatever is taken as a URL can be posted to, is one line, and holds no password.
func FuzzSetTarget(f *testing.F) {
	f.Add("https://billing.example.com/hotpair")
	f.Add("http://[::1]:80/a?b#c")
	f.Fuzz(func(t *testing.T, text string) {
		if (&SetTarget{Name: "a", New: true, URL: text}).Check() != nil {
			return
		}
		q, err := http.NewRequest(http.MethodPost, text, nil)
		if err != nil || q.URL.User != nil || q.URL.Host == "" || strings.ContainsAny(text, " \r\n") {
			t.Errorf("%q: %v", text, err)
		}
	})
}
