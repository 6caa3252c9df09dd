package config

import (
	"net/url"
	"os"
	"strings"
)

// Applications is how those of a terminal come in, beside NATS.
type Applications struct {
	TerminalHTTP         string `split_words:"true" default:"127.0.0.1:4280" form:"host:port" desc:"Where the agent listens for applications of this machine that speak HTTP: POST /v1/<service>/<operation>, GET /v1/notices, GET /v1/status, and pages. An address that is not loopback is refused. none: nowhere."`
	TerminalFiles        string `split_words:"true" form:"/folder" desc:"Folder with the files of a kiosk, which the agent serves at / to browsers of this machine: index.html and what belongs to it, without names that begin with a dot and links that lead out. Whoever uses the machine can read them. Empty: a page that shows how the terminal is served and lets one try a request."`
	TerminalOrigins      Names  `split_words:"true" form:"list" desc:"Origins of web pages that may ask over HTTP beside those that the agent serves itself, separated by commas, as https://till.example or http://localhost:3000. Empty: none."`
	TerminalAppToken     Secret `split_words:"true" secret:"true" form:"secret" desc:"Token that applications must give, at least 16 bytes: over HTTP as Authorization: Bearer TOKEN, over NATS as its token. Empty: whoever uses this machine may ask."`
	TerminalAppTokenFile string `split_words:"true" form:"file" desc:"File that holds the token instead (ends of line are cut), readable by nobody but its owner and group."`
}

// HTTP is where applications come in that speak it, "" when nowhere.
func (a Applications) HTTP() string {
	if a.TerminalHTTP == nowhere {
		return ""
	}
	return a.TerminalHTTP
}

// nowhere is what HOTPAIR_TERMINAL_HTTP says when it is not wanted.
const nowhere = "none"

func (a *Applications) check(c *checker, apps, hosts string) {
	if a.HTTP() != "" {
		c.loopback("TERMINAL_HTTP", a.TerminalHTTP)
		for variable, address := range map[string]string{"TERMINAL_APPS": apps, "TERMINAL_LISTEN": hosts} {
			if collide(a.TerminalHTTP, address) {
				c.fault("TERMINAL_HTTP", a.TerminalHTTP, "takes the same port as HOTPAIR_"+variable, "give each its own port, or write none")
			}
		}
	}
	if a.TerminalFiles != "" {
		if info, err := os.Stat(a.TerminalFiles); err != nil || !info.IsDir() {
			c.fault("TERMINAL_FILES", a.TerminalFiles, "is no folder that can be looked at", "name the folder with index.html, or leave it empty")
		}
	}
	for _, origin := range a.TerminalOrigins {
		if !isOrigin(origin) {
			c.fault("TERMINAL_ORIGINS", a.TerminalOrigins.String(), "has "+origin+", which is no origin", "write scheme, name and port as browsers do, in small letters and with nothing behind: https://till.example")
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
