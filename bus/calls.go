package bus

import (
	"github.com/hotpair/hotpair/services/clocks"
	"github.com/hotpair/hotpair/services/fault"
)

// Errors of orders and questions, beside those of the packages that execute them.
var (
	// ErrRefused says that a request can't be fulfilled now, or not as requested; the text says why. Nothing was done.
	ErrRefused = fault.New("refused", "refused")
	// ErrAbsent says that something requested by name does not exist.
	ErrAbsent = fault.New("no-such", "not found")
	// ErrDamagedJournal says that a host's own journal is damaged before its end.
	ErrDamagedJournal = fault.New("damaged-journal", "the journal is damaged")
	// ErrUnreadable says that the other host's journal can't be read although the in-sync set has that host (V2).
	ErrUnreadable = fault.New("unreadable", "the other host's journal can't be read")
)

// Orders of main to the updater. Those from Prepare to Standby change what this host is, and are carried out one at a time.
var (
	CallFacts   = Order[FactsRequest, Facts](ProcessUpdater, "facts")
	CallPrepare = Order[Prepare, Prepared](ProcessUpdater, "prepare")
	CallRelease = Order[Release, Done](ProcessUpdater, "release") // the takeover did not happen
	CallServe   = Order[Serve, Served](ProcessUpdater, "serve")
	CallRequire = Order[Require, Required](ProcessUpdater, "require")
	CallDrain   = Order[Drain, Drained](ProcessUpdater, "drain")
	CallStandby = Order[Standby, Done](ProcessUpdater, "standby")
	CallNote    = Order[Note, Done](ProcessUpdater, "note")
	CallClocks  = Order[clocks.Difference, Done](ProcessUpdater, "clocks") // how far the wall clocks of the hosts are apart
)

// OfTerminalInterface is the prefix of the questions to the updater that terminal-if may ask too.
const OfTerminalInterface = "terminal-if."

// Questions of main to the updater.
var (
	CallHistory         = Question[HistoryRequest, HistoryPage](ProcessUpdater, "history")
	CallAudit           = Question[AuditReceipts, AuditedReceipts](ProcessUpdater, "audit")
	CallExamine         = Question[Examine, Examined](ProcessUpdater, "examine")
	CallRecord          = Question[RecordEvents, RecordedEvents](ProcessUpdater, "record")
	CallEvents          = Question[EventsRequest, EventsPage](ProcessUpdater, "events")
	CallDivergent       = Question[DivergentRequest, DivergentPage](ProcessUpdater, "aside") // divergent updates
	CallForgetDivergent = Question[ForgetDivergent, DivergentForgotten](ProcessUpdater, "aside-forget")
	CallBackup          = Question[BackupOrder, BackupPage](ProcessUpdater, "backup")
	CallTable           = Question[TableRequest, TablePage](ProcessUpdater, "terminals")
	CallTableChange     = Question[TableChange, TableChanged](ProcessUpdater, "terminals-change")
	CallVerify          = Question[VerifyOrder, VerifyState](ProcessUpdater, "verify")          // begin a comparison of both databases
	CallVerifyState     = Question[VerifyQuestion, VerifyState](ProcessUpdater, "verify-state") // how far it is, or what came of the last
	CallLevels          = Question[LevelsRequest, Levels](ProcessUpdater, "levels")
	CallVerifyStop      = Question[VerifyQuestion, VerifyState](ProcessUpdater, "verify-stop")
)

// Orders of main to terminal-if.
var (
	CallAttach        = Order[Attach, Attached](ProcessTerminalInterface, "attach")
	CallDetach        = Order[Detach, Done](ProcessTerminalInterface, "detach")
	CallDrainRequests = Order[DrainRequests, Done](ProcessTerminalInterface, "drain")
	CallDrainService  = Order[DrainService, Done](ProcessTerminalInterface, "drain-service")
	CallAskTerminals  = Order[AskTerminals, TerminalsAsked](ProcessTerminalInterface, "ask")
	CallTerminals     = Order[SetTerminals, Done](ProcessTerminalInterface, "terminals") // whom to dial from now on
	CallSystemChanged = Order[Done, Done](ProcessTerminalInterface, "system")            // SystemSpace has changed: ask the updater again
)

// Questions of main to terminal-if.
var (
	CallReceipts       = Question[CollectReceipts, CollectedReceipts](ProcessTerminalInterface, "receipts")
	CallTerminalsList  = Question[ListTerminals, ListedTerminals](ProcessTerminalInterface, "list")
	CallTerminalsProbe = Question[ProbeTerminals, ProbedTerminals](ProcessTerminalInterface, "probe")
)
