package operations

import (
	"context"

	"github.com/hotpair/hotpair/services/config"
	"github.com/hotpair/hotpair/services/operator"
	"github.com/hotpair/hotpair/services/operator/registry"
)

// answerSettings answers what both hosts are set to.
func (o *Operations) answerSettings(r *registry.Registry) {
	registry.Answer(r, operator.CallSettings, o.settings)
	registry.AnswerPart(r, operator.PartSettings, o.settingsOwn)
}

// settingsOwn gives what this main runs with: what its supervisor handed to it, not what stands in a file by now.
func (o *Operations) settingsOwn(context.Context, operator.Caller, operator.None) (config.HostSettings, error) {
	return config.HostSettings{Host: o.Host.Host, Settings: o.Host.Shown()}, nil
}

// settings joins what both hosts are set to. It does without the other host when that does not answer.
func (o *Operations) settings(ctx context.Context, caller operator.Caller, _ operator.None) (config.PairSettings, error) {
	var told []config.HostSettings
	both(ctx, o, caller, operator.PartSettings, operator.None{}, o.settingsOwn, func(host string, s config.HostSettings, problem string) {
		s.Host, s.Problem = host, problem
		told = append(told, s)
	})
	return config.Join(o.Host.Host, told), nil
}
