package services_test

import (
	"os"
	"strings"
	"testing"
)

// procedures are the commands of the guide's chapter on the pair's own authority, with who runs each.
var procedures = map[string]play{
	"hotpair authority init --pair shop --out ./authority --passphrase-file pass.txt":     {"TestAuthority_OfAPair", []string{`"init --pair shop --out "`, `" --passphrase-file "`}},
	"hotpair authority init --pair shop --out ./anew --passphrase-file new.txt":           {"TestLab_AHostIsStolen", []string{`"authority", "init", "--pair", "lab", "--out"`, `"--passphrase-file"`}},
	"hotpair authority issue --key issuing.key --seal seal.key --out ./new witness":       {"TestAuthority_OfAPair", []string{`"issue --key "`, `" --seal "`, `" witness"`}},
	"hotpair authority rotate --root root.key --passphrase-file pass.txt --out ./rotated": {"TestAuthority_OfAPair", []string{`"rotate --root "`, `" --out "`}},
	"hotpair terminals add till-7=nats://10.0.3.7:4223":                                   {"TestTerminals_AThousandAtOnce", []string{`"terminals", "add"`}},
	"hotpair terminal enrol --data /var/lib/hotpair-terminal --token-file token.txt":      {"TestEnrolment_OfALab", []string{`"terminal", "enrol", "--data"`}},
	`hotpair terminals revoke till-7 --reason "stolen on 3 May"`:                          {"TestEnrolment_OfALab", []string{`"terminals", "revoke", id, "--reason"`}},
	"hotpair terminals token till-7":                                                      {"TestEnrolment_OfALab", []string{`"terminals", "token", id`}},
}

// TestGuide_ProceduresOfCertificatesArePlayed: each command that the guide tells to run is run by a test, and the guide has each of those.
func TestGuide_ProceduresOfCertificatesArePlayed(t *testing.T) {
	guide, err := os.ReadFile("../deployments/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, found := strings.Cut(string(guide), "\n## The pair as its own authority\n")
	chapter, _, _ = strings.Cut(chapter, "\n## ")
	if !found {
		t.Fatal("the guide has no such chapter")
	}
	tests, told := testTexts(t), map[string]bool{}
	fenced := false
	for line := range strings.Lines(chapter) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			continue
		}
		if !fenced {
			continue
		}
		told[line] = true
		if by, is := procedures[line]; is {
			check(t, tests, line, by)
		} else {
			t.Errorf("nobody plays %q", line)
		}
	}
	for line := range procedures {
		if !told[line] {
			t.Errorf("the guide does not say %q", line)
		}
	}
}
