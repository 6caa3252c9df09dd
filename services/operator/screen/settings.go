package screen

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/wording"
)

// Columns of the table of settings: the name, then one for each host.
const (
	settingName  = 30
	settingValue = (Width - settingName) / 2
)

// Settings shows the settings of both hosts side by side: those that are set or differ, or all of them.
func Settings(s *Screen, p config.PairSettings, all bool) {
	level, sentence := operator.Good, "all settings that should be the same on both hosts are"
	switch n := p.Differing(); n {
	case 0:
	case 1:
		level, sentence = operator.Warning, "1 setting differs that should be the same on both hosts"
	default:
		level, sentence = operator.Warning, fmt.Sprintf("%d settings differ that should be the same on both hosts", n)
	}
	header := Pad("SETTING", settingName)
	for _, h := range p.Hosts {
		header += Pad(wording.Fit("HOST "+strings.ToUpper(h.Host), settingValue-1), settingValue)
		if h.Problem != "" {
			level, sentence = operator.Warning, "only the settings of "+p.Host+" are known"
		}
	}
	s.Headline(level, sentence)
	s.Line("")
	s.Line(header)
	for i, h := range p.Hosts {
		if h.Problem == "" {
			continue
		}
		for _, line := range wording.Wrap("not known: "+h.Problem, settingValue-1) {
			s.Line(strings.Repeat(" ", settingName+i*settingValue) + line)
		}
	}
	title, hidden := "", 0
	for _, setting := range p.Settings {
		if !all && !setting.Differs && !setting.Changed() {
			hidden++
			continue
		}
		if of := settingsOf(setting); of != title {
			title = of
			s.Line(title)
		}
		settingRow(s, setting, p.Hosts)
	}
	if hidden > 0 {
		s.Line("")
		s.Line(fmt.Sprintf("%d more have their defaults: --all shows them", hidden))
	}
}

func settingsOf(s config.PairSetting) string {
	switch {
	case s.Differs:
		return "differ"
	case s.Alike:
		return "of the pair"
	}
	return "of one host"
}

// settingRow shows the hosts' values side by side, or one below the other where they are too long.
func settingRow(s *Screen, setting config.PairSetting, hosts []config.SettingsHost) {
	line, fits := Pad("  "+setting.Name, settingName), true
	for _, h := range hosts {
		value := settingText(setting, h)
		fits = fits && utf8.RuneCountInString(value) < settingValue
		line += Pad(value, settingValue)
	}
	if fits {
		s.Line(line)
		return
	}
	s.Line("  " + setting.Name)
	for _, h := range hosts {
		s.Row("  "+h.Host, strings.ReplaceAll(settingText(setting, h), ",", ", "))
	}
}

func settingText(setting config.PairSetting, host config.SettingsHost) string {
	value, told := setting.Hosts[host.Host]
	switch {
	case host.Problem != "":
		return "?"
	case !told:
		return "not in its version"
	case value.Value == "":
		return "not set"
	case !value.Changed && setting.Default != "":
		return value.Value + " (default)"
	}
	return value.Value
}
