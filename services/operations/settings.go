package operations

import (
	"context"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
)

// answerSettings answers about the settings of both hosts.
func (o *Operations) answerSettings(r *registry.Registry) {
	registry.Answer(r, operator.CallSettings, o.settings)
	registry.AnswerPart(r, operator.PartSettings, o.settingsOwn)
}

// settingsOwn returns the settings that this main runs with: those from its supervisor, not what a file says by now.
func (o *Operations) settingsOwn(context.Context, operator.Caller, operator.None) (config.HostSettings, error) {
	return config.HostSettings{Host: o.Host.Host, Settings: o.Host.Shown()}, nil
}

// settings joins the settings of both hosts. It answers without the other host when that one does not answer.
func (o *Operations) settings(ctx context.Context, caller operator.Caller, _ operator.None) (config.PairSettings, error) {
	var told []config.HostSettings
	both(ctx, o, caller, operator.PartSettings, operator.None{}, o.settingsOwn, func(host string, s config.HostSettings, problem string) {
		s.Host, s.Problem = host, problem
		told = append(told, s)
	})
	return config.Join(o.Host.Host, told), nil
}
