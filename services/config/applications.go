package config

import (
	"net/url"
	"os"
	"strings"
)

// Applications says how applications reach a terminal, besides NATS.
type Applications struct {
	TerminalHTTP         string `split_words:"true" default:"127.0.0.1:4280" form:"host:port" desc:"Where the agent listens for applications of this machine that speak HTTP: POST /v1/<service>/<operation>, GET /v1/notices, GET /v1/status, and pages. Only loopback addresses are accepted. none: it does not listen."`
	TerminalFiles        string `split_words:"true" form:"/folder" desc:"Folder with the files of a kiosk, which the agent serves at / to browsers of this machine: index.html and its files. Names that begin with a dot and links out of the folder are not served. Every user of the machine can read the files. Empty: a page that shows the state of the terminal and can send a test request."`
	TerminalOrigins      Names  `split_words:"true" form:"list" desc:"Origins of web pages that may send requests over HTTP in addition to the agent's own pages, separated by commas, for example https://till.example or http://localhost:3000. Empty: none."`
	TerminalAppToken     Secret `split_words:"true" secret:"true" form:"secret" desc:"Token that applications must send, at least 16 bytes: over HTTP as Authorization: Bearer TOKEN, over NATS as the token of the connection. Empty: every user of this machine may send requests."`
	TerminalAppTokenFile string `split_words:"true" form:"file" desc:"File that holds the token instead (a trailing line end is ignored), readable only by its owner and group."`
}

// HTTP returns the address for applications over HTTP, "" for none.
func (a Applications) HTTP() string {
	if a.TerminalHTTP == nowhere {
		return ""
	}
	return a.TerminalHTTP
}

// nowhere is the value of HOTPAIR_TERMINAL_HTTP that disables it.
const nowhere = "none"

func (a *Applications) check(c *checker, apps, hosts string) {
	if a.HTTP() != "" {
		c.loopback("TERMINAL_HTTP", a.TerminalHTTP)
		for variable, address := range map[string]string{"TERMINAL_APPS": apps, "TERMINAL_LISTEN": hosts} {
			if collide(a.TerminalHTTP, address) {
				c.fault("TERMINAL_HTTP", a.TerminalHTTP, "uses the same port as HOTPAIR_"+variable, "give each its own port, or write none")
			}
		}
	}
	if a.TerminalFiles != "" {
		if info, err := os.Stat(a.TerminalFiles); err != nil || !info.IsDir() {
			c.fault("TERMINAL_FILES", a.TerminalFiles, "is not a readable folder", "set it to the folder with index.html, or leave it empty")
		}
	}
	for _, origin := range a.TerminalOrigins {
		if !isOrigin(origin) {
			c.fault("TERMINAL_ORIGINS", a.TerminalOrigins.String(), "has "+origin+", which is not an origin", "write scheme, name and port in lower case and without a path, as browsers do: https://till.example")
		}
	}
	c.given("TERMINAL_APP_TOKEN", "token of this terminal's applications", &a.TerminalAppToken, a.TerminalAppTokenFile, c.token)
}

// isOrigin reports whether a text is an origin as browsers write it.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && text == u.Scheme+"://"+strings.ToLower(u.Host) &&
		!strings.HasSuffix(u.Host, ":") && !(u.Scheme == "http" && u.Port() == "80") && !(u.Scheme == "https" && u.Port() == "443")
}
