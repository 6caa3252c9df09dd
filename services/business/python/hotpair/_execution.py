"""One request, from its arrival to its reply."""
from __future__ import annotations

import base64
import json
import logging
import os
import random
import threading
import time
from types import TracebackType
from typing import Any, Dict, List, NamedTuple, Optional

from . import _errors as e
from ._body import MAX_ANSWER, answer_body, clean, coded, decode_request, decoded, encode, key_text, position, with_revision
from ._items import Fired
from ._service import Operation, Service
from ._turns import Gate, Lanes
from ._tx import Tx, line_of

log = logging.getLogger("hotpair")

DEFAULT_DEADLINE = 30.0
MAX_CALL = 4 << 20
# After this many conflicts a request runs alone; after that many it is refused.
ALONE_AFTER, MAX_RUNS = 4, 20
# Commits of one request whose outcome is unknown: one that is lost again and again may be refused each time.
MAX_DOUBTS = 20
# Pauses after a conflict, and while waiting for the updater, in seconds.
FIRST_BACKOFF, LONGEST_BACKOFF = 0.0005, 0.02
FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.1
# A handler that takes its time must not hold up others for longer.
IN_LINE_FOR, ALONE_PATIENCE = 1.0, 0.1


class Request(NamedTuple):
    """A request as received."""

    operation: str
    body: bytes = b""
    ticket: str = ""
    own_id: bool = False  # the id is the app's own
    attempt: int = 1
    epoch: int = 0
    remaining: float = 0.0  # seconds; 0 is not said
    timer: Optional[Fired] = None


class Reply(NamedTuple):
    """The reply to a request."""

    code: int
    message: str = ""
    body: bytes = b""
    proof: str = ""


class Database:
    """The connection to the updater. Tests have one in memory."""

    def call(self, name: str, message: bytes, timeout: float) -> bytes:
        """Makes one call. Raises Away (not executed), Doubt (outcome unknown) or Late (no answer in time)."""
        raise NotImplementedError

    def pause(self, seconds: float) -> bool:
        """Waits at most until the updater comes up, and returns whether it has."""
        raise NotImplementedError

    def end_calls(self) -> None:
        """Ends the calls in flight as if they had timed out: the process stops."""


class Shared:
    """State that the requests of a process share."""

    def __init__(self, service: Service, database: Database) -> None:
        self.service, self.database = service, database
        self.lanes, self.gate = Lanes(), Gate()
        self.stopping = threading.Event()
        self.epoch = 0  # highest in which a request has come

    def note(self, epoch: int) -> None:
        self.epoch = max(self.epoch, epoch)

    def stop(self) -> None:
        """Ends requests that do not end on their own."""
        self.stopping.set()
        self.database.end_calls()


class Counts:
    """Counts of the outcomes of an operation's requests."""

    def __init__(self) -> None:
        self.requests = self.errors = self.conflicts = self.recorded = self.in_flight = 0
        self.took = 0.0


class Execution:
    """Runs the handler until there is a reply.

    Of each run becomes one of these: an outcome, which is committed if it writes or must be recorded; the recorded answer of an
    earlier attempt; a conflict, after which it runs again; no updater, after which it runs again when there is one. An outcome
    that can't be committed as it is, because it is too large or because the runs are used up, is replaced by an error, and
    that is recorded where an error of the handler would be.
    """

    def __init__(self, shared: Shared, operation: Operation, request: Request, counts: Counts, arrived: Optional[float] = None) -> None:
        self._shared, self._operation, self._request, self._counts = shared, operation, request, counts
        self._until = (time.monotonic() if arrived is None else arrived) + (request.remaining or DEFAULT_DEADLINE)
        self._attempt = max(1, request.attempt)  # also counts commits whose outcome is unknown
        self._conflicts = 0
        self._entered: List[str] = []  # lanes held
        self._holds: Optional[bool] = None  # of the gate: alone, or among others
        self._doubts = 0
        self._lost: List[str] = []  # where the last commit failed

    def serve(self) -> Reply:
        try:
            return self._serve()
        except BaseException:
            log.exception("%s: a request could not be completed", self._request.operation)
            return self._unserved(e.FAULT, _fault().message) if self._operation.read_only else Reply(e.UNKNOWN, "the outcome is unknown")
        finally:
            self._pass_out()
            self._shared.lanes.leave(self._entered)

    def _serve(self) -> Reply:
        fixed: Optional[Reply] = None  # set when the handler is not to be run any more
        run, pauses = 0, 1
        while True:
            run += 1
            try:
                try:
                    return self._once(run, fixed)
                except e.Moved:
                    self._conflicts += 1
                    self._counts.conflicts += 1
                    if self._conflicts >= MAX_RUNS:
                        fixed = Reply(e.BUSY, "too many other requests change the same keys; this request was not executed")
                    else:
                        self._give_way()
                except e.Doubt:
                    if not self._request.ticket and self._request.timer is None:
                        return self._unserved(e.FAULT, "")  # without an id nobody could tell the second execution from the first
                    self._doubts += 1
                    if self._doubts >= MAX_DOUBTS:
                        if self._request.timer is not None:  # whatever became of it, it is there no more, or fails as often as it may
                            return Reply(e.FAULT, f"the outcome of the update is unknown after {MAX_DOUBTS} runs")
                        return self._unserved(e.FAULT, "")
                    pauses = self._pause(pauses)
                except e.Away:
                    pauses = self._pause(pauses)
                except e.Refused as refused:
                    if fixed is not None or not refused.final:
                        return self._refuse(refused)
                    fixed = Reply(refused.code, refused.message)
                except e.Misuse as error:
                    if fixed is not None:
                        return self._unserved(e.FAULT, _fault().message)
                    self._complain("the service made a mistake%s: %s", place(error), error)
                    fixed = _fault()
            except e.Recorded as known:
                self._counts.recorded += 1
                return Reply(known.code, known.message, known.body, known.proof)
            except e.TermOver:
                return self._unserved(e.NOBODY, "this host is no longer active; the request was not executed")
            except e.Late:
                if self._request.timer is not None and self._shared.stopping.is_set():  # which uses up none of its tries
                    return Reply(e.NOBODY, "this process is stopping; the run of the timer was not completed")
                if self._request.timer is not None:  # or it would come again for ever
                    return Reply(e.FAULT, "the run of the timer did not end within its deadline")
                return self._unserved(e.NOBODY, "the deadline passed before the request could be executed")

    def _once(self, run: int, fixed: Optional[Reply]) -> Reply:
        """Makes one run: the handler, unless its outcome is fixed, and the commit."""
        self._pass_in()
        try:
            tx = Tx(self._ask, ticket="" if self._operation.read_only else self._request.ticket, run=run, read_only=self._operation.read_only,
                    fired=self._request.timer, queue=self._queue, writes=self._shared.service.writes)
            outcome = fixed or self._handle(tx)
            if tx.failed is not None:
                raise tx.failed
            return self._commit(tx, outcome)
        finally:
            self._pass_out()

    def _handle(self, tx: Tx) -> Reply:
        """Runs the handler once. An exception affects only this request: nothing of the run has left the transaction."""
        try:
            answer = self._operation.handler(tx, decode_request(self._request.body, self._operation.kind))
            if tx.failed is not None:
                raise tx.failed
            body = self._body(answer)
        except e.Interrupt:
            raise
        except e.Error as error:
            return self._told(error)
        except BaseException as error:  # a handler must not end the process, nor the thread: sys.exit, CancelledError
            if tx.failed is not None:
                raise tx.failed from None
            if isinstance(error, e.Misuse):
                raise
            self._complain("the handler failed", exc_info=error.with_traceback(own_part(error.__traceback__)))
            return _fault()
        if len(body) > MAX_ANSWER:
            return Reply(e.TOO_LARGE, f"the answer has {len(body)} bytes, at most {MAX_ANSWER} are allowed")
        return Reply(e.OK, "", body)

    def _body(self, answer: Any) -> bytes:
        try:
            return answer_body(answer)
        except e.Misuse as error:
            raise e.Misuse(f"what {self._operation.handler.__name__} returned: {error}") from None

    def _told(self, error: e.Error) -> Reply:
        """The reply for an error of the handler. A subclass in the service may have changed its attributes."""
        code, message = getattr(error, "code", None), getattr(error, "message", None)
        if not isinstance(code, int) or not 400 <= code <= 599 or not isinstance(message, str):
            self._complain("the handler raised an error whose code is not 400 to 599, or whose message is not text", exc_info=error)
            return _fault()
        return Reply(int(code), clean(message))

    def _commit(self, tx: Tx, outcome: Reply) -> Reply:
        """Makes an outcome final and returns the reply."""
        good = outcome.code == e.OK
        record = self._may_repeat() and bool(tx.ticket)
        writes = good and tx.writes()
        if not writes and not record and not (good and tx.requires()):
            return outcome  # all it has read is of one position, so it stands as it is
        revision = good and self._operation.revision
        answer: Dict[str, Any] = {"code": outcome.code, "message": outcome.message, "revision": revision}
        if outcome.body:
            answer["body_base64"] = coded(outcome.body)
        message: Dict[str, Any] = {"answer": answer, "record": record, "base64": True}
        if tx.ticket:
            message["ticket"] = tx.ticket
        else:
            message["epoch"] = str(self._request.epoch)
        if good:
            message["operations"], message["outbox"] = tx.operations(), tx.outbox()
            if writes or tx.requires():
                message["conditions"] = tx.conditions()
                if not tx.read_only:
                    message["ranges"] = tx.ranges()
        reply = self._ask("commit", message)
        if not writes and not record:
            return outcome
        epoch, sequence = position(reply)
        body = with_revision(outcome.body, sequence) if revision and (epoch, sequence) != (0, 0) else outcome.body
        return outcome._replace(body=body, proof=reply.get("proof", ""))

    # Asking.

    def _ask(self, call: str, message: Dict[str, Any]) -> Dict[str, Any]:
        """Makes one call and interprets its reply."""
        data = encode(message)
        if len(data) > MAX_CALL:
            raise e.Refused(e.TOO_LARGE, f"the request needs a database call of {len(data)} bytes, at most {MAX_CALL} are allowed", final=True)
        left = self._left()
        if left <= 0:
            raise e.Late()  # not sent, so there is no doubt
        try:
            reply = json.loads(self._shared.database.call(call, data, left))
            code = reply["code"]
        except (e.Doubt, e.Late) as error:
            if call == "commit":
                self._attempt += 1
            elif isinstance(error, e.Doubt):
                raise e.Away() from None  # a read leaves no doubt
            raise
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            if call == "commit":
                self._attempt += 1
            log.warning("a reply of the updater can't be read: %s", error)
            raise (e.Doubt if call == "commit" else e.Away)() from None
        recorded = reply.get("recorded")
        if recorded is not None:
            raise e.Recorded(recorded.get("code", 0), recorded.get("message", ""), decoded(recorded, "body"), recorded.get("proof", ""))
        if code == e.OK:
            return reply
        text = clean(str(reply.get("message", "")))
        if code == e.CONFLICT:
            self._lost = _lost(message, reply)
            raise e.Moved()
        if code == e.BUSY:
            raise e.Away()
        if code == e.NOBODY:
            # The updater of this term may only be on its way back, but an older term does not come back.
            raise (e.TermOver if self._request.epoch < self._shared.epoch else e.Away)()
        if code in (e.FAULT, e.UNKNOWN):
            if code == e.FAULT:
                self._complain("the updater reports a fault: %s", text)
            if call == "commit":  # done or not: the ticket finds it
                self._attempt += 1
                raise e.Doubt()
            raise e.Refused(e.FAULT, _fault().message)
        raise e.Refused(code, text, final=code in (e.MALFORMED, e.TOO_LARGE, e.ABSENT))

    def _left(self) -> float:
        return 0.0 if self._shared.stopping.is_set() else self._until - time.monotonic()

    def _pause(self, n: int) -> int:
        """Waits before the nth repetition and gives the number of the next; when the updater has come up the count begins anew."""
        left = self._left()
        if left <= 0:
            raise e.Late()
        up = self._shared.database.pause(min(_jitter(FIRST_PAUSE, LONGEST_PAUSE, n), left))
        return 1 if up else n + 1

    # Answers of requests that were not executed.

    def _may_repeat(self) -> bool:
        return may_repeat(self._operation, self._request, self._attempt)

    def _unserved(self, code: int, message: str) -> Reply:
        return not_now(self._operation, self._request._replace(attempt=self._attempt), code, message)

    def _refuse(self, refused: e.Refused) -> Reply:
        if refused.code in (e.TOO_OLD, e.MALFORMED):
            # The id itself is refused, after it was looked up: whatever an earlier attempt did is not hidden by this.
            return Reply(refused.code, refused.message)
        return self._unserved(refused.code, refused.message)

    def _complain(self, what: str, *args: Any, exc_info: Any = None) -> None:
        log.error("%s, epoch %d: " + what, self._request.operation, self._request.epoch, *args, exc_info=exc_info)

    # Turns.

    def _pass_in(self) -> None:
        """Goes through the gate, before a run."""
        if self._conflicts >= ALONE_AFTER:
            # Nobody would get past a lane that is held here, so hold none while the others end.
            self._leave_lanes()
            if self._shared.gate.enter(True, ALONE_PATIENCE):
                self._holds = True
                return
        if self._operation.read_only:
            return
        if not self._shared.gate.enter(False, max(self._left(), 0.0)):
            raise e.Late()
        self._holds = False

    def _pass_out(self) -> None:
        if self._holds is not None:
            self._shared.gate.leave(self._holds)
            self._holds = None

    def _queue(self, keys: List[str]) -> None:
        """Called at the first read of a run: a request that reads a contended key joins its queue."""
        if self._operation.read_only or self._holds or self._entered:
            return
        busy = self._shared.lanes.contended(keys)
        if busy:
            self._pass_out()  # nobody waits for a lane inside the gate
            self._enter(busy)
            self._pass_in()

    def _enter(self, keys: List[str]) -> None:
        self._entered = self._shared.lanes.enter(keys, min(IN_LINE_FOR, max(self._left(), 0.0)), time.monotonic)
        if self._left() <= 0:
            raise e.Late()

    def _leave_lanes(self) -> None:
        self._shared.lanes.leave(self._entered)
        self._entered = []

    def _give_way(self) -> None:
        """Called after a conflict, before the next run."""
        wanted = self._entered + self._lost
        self._lost = []
        self._leave_lanes()
        if wanted and not self._operation.read_only and self._conflicts < ALONE_AFTER:
            self._enter(wanted)
        if self._conflicts == 1 or self._entered:
            return  # what it lost to is committed; whoever stands in line must not be kept waiting
        if self._shared.stopping.wait(min(_jitter(FIRST_BACKOFF, LONGEST_BACKOFF, self._conflicts - 1), max(self._left(), 0.0))):
            raise e.Late()


def may_repeat(operation: Operation, request: Request, attempt: int) -> bool:
    """Whether a request may have been executed before, so that no answer may contradict an earlier attempt.

    An app's own id may always be a repetition. The run of a timer takes effect once, whatever is said of it.
    """
    return not operation.read_only and request.timer is None and (attempt > 1 or request.own_id)


def not_now(operation: Operation, request: Request, code: int, message: str) -> Reply:
    """The reply to a request that is not executed now, but, if it may be a repetition, perhaps was before."""
    if may_repeat(operation, request, request.attempt):
        return Reply(e.UNKNOWN, "the outcome is unknown; send the request again with the same id")
    return Reply(code, message)


def own_part(trace: Optional[TracebackType]) -> Optional[TracebackType]:
    """The service's part of a traceback: without the calls in this package that led to its handler."""
    part = trace
    while part is not None and _is_ours(part):
        part = part.tb_next
    return part or trace


def place(error: BaseException) -> str:
    """The place of an error in the service; "" if it is not in the service."""
    last = None
    part = error.__traceback__
    while part is not None:
        last = last if _is_ours(part) else part
        part = part.tb_next
    if last is None:
        return ""
    code = last.tb_frame.f_code
    return f" in {code.co_name} ({os.path.basename(code.co_filename)}, line {last.tb_lineno})"


def _is_ours(part: TracebackType) -> bool:
    return os.path.dirname(part.tb_frame.f_code.co_filename) == os.path.dirname(__file__)


def _fault() -> Reply:
    return Reply(e.FAULT, "internal fault; the log of the business process has the reason")


def _lost(message: Dict[str, Any], reply: Dict[str, Any]) -> List[str]:
    """The queues of the changed keys and ranges."""
    lost = [key_text(base64.b64decode(key)) for key in reply.get("conflicts_base64", [])]
    ranges = message.get("ranges") or []
    for i in reply.get("moved", []):
        if 0 <= i < len(ranges):
            one = ranges[i]
            lost.append(line_of(one.get("prefix") or key_text(base64.b64decode(one.get("prefix_base64", "")))))
    return lost


def _jitter(first: float, longest: float, n: int) -> float:
    """A random time from half of first × 2ⁿ⁻¹ to all of it, at most longest."""
    whole = min(first * 2 ** min(n - 1, 30), longest)
    return whole / 2 + random.random() * whole / 2

