package e2e_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// shellBlock is a fenced block without a language, which in the README is commands or a drawing.
var shellBlock = regexp.MustCompile("(?s)\n```\n(.*?)```")

// readmeCommands are all commands of the README, without what is said of them.
func readmeCommands(t *testing.T) (list []string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			command, _, _ := strings.Cut(line, " #")
			if command = strings.TrimSpace(command); regexp.MustCompile(`^(go|nats|curl|hotpair) `).MatchString(command) {
				list = append(list, command)
			}
		}
	}
	return list
}

// TestReadme_ItsCommandsRun plays the commands of the README in their order. The cluster has a directory and ports of its own, go run is what it
// builds, and of all tests one package's are run.
func TestReadme_ItsCommandsRun(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a pair")
	}
	sideBySide(t)
	commands := readmeCommands(t)
	begin := slices.IndexFunc(commands, func(c string) bool { return strings.HasPrefix(c, "go run . cluster --") })
	if begin < 0 || len(commands) < 12 {
		t.Fatalf("%d commands, and none that starts a cluster: %q", len(commands), commands)
	}
	c := startCluster(t, strings.Fields(commands[begin])[4:])
	terminals := c.File().Terminals
	at := strings.NewReplacer("nats://127.0.0.1:7830", terminals[0].Address, "http://127.0.0.1:7850", terminals[0].HTTP)
	for i, command := range commands {
		words := strings.Fields(command)
		if i == begin {
			continue
		}
		var said []byte
		var err error
		switch {
		case command == "go run ./simulator/tests":
			said, err = exec.CommandContext(t.Context(), "go", "run", "../tests", "github.com/hotpair/hotpair/services/lease").CombinedOutput()
		case words[0] == "nats":
			said, err = asNATS(at.Replace(words[2]), words[4], strings.Trim(words[5], "'"))
		case words[0] == "curl":
			said, err = exec.CommandContext(t.Context(), "bash", "-c", at.Replace(command)+" --fail").CombinedOutput()
		case strings.HasPrefix(command, "hotpair service new "):
			new := exec.CommandContext(t.Context(), binary, words[1:]...)
			new.Dir = t.TempDir()
			said, err = new.CombinedOutput()
		case words[0] == "hotpair": // the tutorial has them, in a folder that they need
			if tutorial, readErr := os.ReadFile("../../services/business/TUTORIAL.md"); readErr != nil || !strings.Contains(string(tutorial), strings.Join(words[:2], " ")) {
				t.Errorf("%s: the tutorial does not play it: %v", command, readErr)
			}
			continue
		case slices.Equal(words[:3], []string{"go", "run", "."}):
			args := words[3:]
			if args[0] == "simulate" {
				args[slices.Index(args, "--duration")+1] = "5s"
				args[slices.Index(args, "--terminals")+1] = "10"
			} else {
				args = append(args, "--dir", c.Dir)
			}
			said, err = exec.CommandContext(t.Context(), binary, args...).CombinedOutput()
		default:
			t.Fatalf("%s: it is not known how to play it", command)
		}
		if err != nil || len(said) == 0 {
			t.Errorf("%s: %v\n%s", command, err, said)
		}
		t.Logf("%s\n%s", command, said)
		if slices.Contains(words, "kill") || slices.Contains(words, "switchover") {
			c.mustActive()
		}
		if slices.Contains(words, "start") {
			c.awaitPaired()
		}
	}
	c.interrupt()
	if said := c.Printed.String(); !strings.Contains(said, "verdict: ok") {
		t.Errorf("no verdict that all is well:\n%s", said)
	}
}

// asNATS asks as the command of the NATS project does, which is not here.
func asNATS(server, subject, body string) ([]byte, error) {
	nc, err := nats.Connect(server)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	return ask(nc, subject, []byte(body))
}
