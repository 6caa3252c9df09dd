package config

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A pair started with the secret that the example of its environment file has, which everybody can read.
func TestFault_D7_PlaceholdersAndWeakSecretsAreRefused(t *testing.T) {
	for secret, want := range map[string]string{
		"replace-this-with-a-secret-of-your-own": "everybody knows", "Replace_This with a secret": "everybody knows", "changeme-changeme-changeme": "everybody knows",
		"aaaaaaaaaaaaaaaaaaaa": "easily guessed", "abcdabcdabcdabcd": "easily guessed", "0000000000000001": "easily guessed",
		testSecret: "", "correct horse battery staple": "",
	} {
		for _, variable := range []string{"HOTPAIR_PAIR_SECRET", "HOTPAIR_TERMINAL_KEY"} {
			var err error
			if variable == "HOTPAIR_PAIR_SECRET" {
				_, err = Load[Witness]([]string{"HOTPAIR_INSECURE=true", "HOTPAIR_DATA=/w", variable + "=" + secret})
			} else {
				_, err = Load[Terminal]([]string{"HOTPAIR_INSECURE=true", "HOTPAIR_DATA=/t", "HOTPAIR_TERMINAL_ID=t1", variable + "=" + secret})
			}
			if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret)) {
				t.Errorf("%s: %v, want %q", variable, err, want)
			}
		}
	}
}

// The line of the documents that makes a terminal's key printed what had to be trimmed by hand.
func TestFault_D12_TheLineOfTheDocumentsMakesTheKey(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("SKIPPED: there is no openssl here, so the line of the documents was not tried")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pair.secret"), []byte(testSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"../../deployments/README.md", "../../deployments/systemd/terminal.env.example"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		line := regexp.MustCompile(`printf '?terminal:([a-z0-9-]+)'? \| openssl .*`).FindSubmatch(text)
		if line == nil {
			t.Errorf("%s has no such line", file)
			continue
		}
		command := exec.Command("sh", "-c", strings.ReplaceAll(string(line[0]), "/etc/hotpair/", ""))
		command.Dir = dir
		out, err := command.CombinedOutput()
		if want := TerminalKey(testSecret, string(line[1])) + "\n"; err != nil || string(out) != want {
			t.Errorf("%s prints %q, %v, want %q", file, out, err, want)
		}
	}
}

// In Kubernetes each service of a namespace is in the environment of every process, and one that is named hotpair or hotpair-witness was
// a fault of ours.
func TestFault_B13_KubernetesVariablesAreNoFaults(t *testing.T) {
	kubernetes := []string{
		"HOTPAIR_WITNESS_SERVICE_HOST=10.96.0.7", "HOTPAIR_WITNESS_SERVICE_PORT=7705", "HOTPAIR_WITNESS_SERVICE_PORT_RECORD=7705", "HOTPAIR_PORT=tcp://10.96.0.8:7704",
		"HOTPAIR_PORT_7704_TCP=tcp://10.96.0.8:7704", "HOTPAIR_PORT_7704_TCP_PROTO=tcp", "HOTPAIR_PORT_7704_TCP_PORT=7704", "HOTPAIR_PORT_7704_TCP_ADDR=10.96.0.8",
		"HOTPAIR_BUS_PORT=tcp://10.96.0.9:7701",
	}
	h, err := Load[Host](append(hostEnviron(), kubernetes...))
	if err != nil || h.BusPort != 7701 {
		t.Errorf("%v, bus port %d", err, h.BusPort)
	}
	if _, err := Load[Host](hostEnviron("HOTPAIR_SERVICE_HOSTS=x")); err == nil {
		t.Error("a name like them is no fault")
	}
}

// TestFault_B13_AnAddressWithAZoneIsRefused: it was accepted, and then failed for ever: a zone is the name of an interface of one machine.
func TestFault_B13_AnAddressWithAZoneIsRefused(t *testing.T) {
	const zoned = "[fe80::1%lo]:7799"
	for _, variable := range []string{"LINK", "REPLICATION", "PEER_LINK", "PEER_REPLICATION", "WITNESS", "HTTP"} {
		if _, err := Load[Host](hostEnviron("HOTPAIR_" + variable + "=" + zoned)); err == nil || !strings.Contains(err.Error(), "has a zone") {
			t.Errorf("%s: %v", variable, err)
		}
	}
	var list Terminals
	if err := list.Decode("t1=nats://" + zoned); err == nil || !strings.Contains(err.Error(), "has a zone") {
		t.Errorf("terminals: %v", err)
	}
	if problem := listenProblem(zoned); problem == "" { // of witness and agent
		t.Error("listening takes it")
	}
}

// What stood in a secret's file behind the most that a secret may have was cut off without a word, where that was an end of a line.
func TestSecret_OfAFileIsWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pair.secret")
	longest := strings.Repeat("0123456789abcdef", maxSecret/16)
	for content, want := range map[string]string{longest + "\r\n": "", longest + "\n\nmore": "has more than 4096 bytes", longest + "more": "HOTPAIR_PAIR_SECRET_FILE"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		w, err := Load[Witness]([]string{"HOTPAIR_INSECURE=true", "HOTPAIR_DATA=/w", "HOTPAIR_PAIR_SECRET_FILE=" + path})
		if want == "" && (err != nil || w.PairSecret.Reveal() != longest) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%d bytes: %v, want %q", len(content), err, want)
		}
	}
}
