package operator

import (
	"net/http"
	"time"

	"github.com/hotpair/hotpair/services/processes/programs"
)

// The services that hosts run.
var (
	CallServices = Operation[None, programs.ServiceList]{Name: "services", Method: http.MethodGet, Path: "/api/v1/services", Where: Both, Role: View, Within: answerWithin,
		Says: "The services of both hosts: state, since when, and the program."}
	// A restart waits for open requests, for the end and for the start of the service, at most twice on each host.
	CallRestartService = Operation[programs.RestartService, programs.ServiceRestarted]{Name: "service restart", Method: http.MethodPost, Path: "/api/v1/services/restart", Where: Both, Role: Administer, Within: 90 * time.Second,
		Says:  "Restarts a service on both hosts, the standby first, with another program if one is named. If that does not become ready, the previous one runs again.",
		Check: func(q *programs.RestartService) error { return usage(q.Check()) }, Detail: programs.RestartService.Detail}
	CallServiceLog = Operation[programs.ServiceLogRequest, programs.ServiceLog]{Name: "service log", Method: http.MethodGet, Path: "/api/v1/services/log", Where: Both, Role: View, Within: answerWithin,
		Says: "The last output of a service, on both hosts or on one.", Unless: programs.ServiceLogRequest{Limit: 100}, Check: func(q *programs.ServiceLogRequest) error { return usage(q.Check()) }}
)

// Parts of them that each host answers for itself.
var (
	PartServices       = Part[None, programs.ServiceList]{"services-own"}
	PartRestartService = Part[programs.RestartOwn, programs.Service]{"restart-service-own"}
	PartServiceLog     = Part[programs.ServiceLogRequest, programs.ServiceLog]{"service-log-own"}
)
