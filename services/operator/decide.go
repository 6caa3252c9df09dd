package operator

import (
	"net/http"

	"github.com/spf13/cobra"
)

// Decisions is what a main offers about who serves: what an operator may order, and what it would decide by itself.
type Decisions interface {
	Pauses
	Explaining
	Promoting
	Scheduling
	Examining
}

// decisionRoutes are the paths about who serves.
func decisionRoutes() map[string]route {
	return map[string]route{
		PathDoctor:         {http.MethodGet, false, (*handler).doctor},
		PathSchedule:       {http.MethodPost, false, (*handler).schedule},
		PathScheduleCancel: {http.MethodPost, false, (*handler).cancelSchedule},
		PathExplain:        {http.MethodGet, false, (*handler).explain},
		PathPromotePlan:    {http.MethodGet, false, (*handler).promotePlan},
		PathPromote:        {http.MethodPost, false, (*handler).promote},
		PathAdmit:          {http.MethodPost, false, (*handler).admitReplaced},
		PathPause:          {http.MethodPost, false, (*handler).pause},
		PathResume:         {http.MethodPost, false, (*handler).resume},
	}
}

// decisionCommands are the commands about who serves.
func decisionCommands() []*cobra.Command {
	return []*cobra.Command{explainCommand(), doctorCommand(), pauseCommand(), resumeCommand(), promoteCommand(), admitCommand()}
}
