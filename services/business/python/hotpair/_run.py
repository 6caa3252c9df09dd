"""A service as a process of a host."""
from __future__ import annotations

import io
import json
import logging
import os
import queue
import re
import secrets
import signal
import sys
import threading
import time
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import _errors as e
from ._execution import Counts, Database, Execution, Reply, Request, Shared, not_now
from ._nats import Connection
from ._items import Fired
from ._service import Operation, Service
from ._wire import Disconnected, Forbidden, Message, NobodyServes, NotSent

log = logging.getLogger("hotpair")

# Bounds of the accepted, unanswered requests. Beyond any a request is refused with 429.
MAX_REQUESTS, MAX_BYTES = 4096, 64 << 20
WORKERS = 64
# What requests in flight get to end when the process is asked to stop.
FINISH_WITHIN = 1.0
SUBSCRIBE_WITHIN = 5.0
BEAT_EVERY = 0.25
_HEADERS = ("Hotpair-Terminal", "Hotpair-Counter", "Hotpair-Request-Id", "Hotpair-Ticket", "Hotpair-Attempt", "Hotpair-Epoch",
            "Hotpair-Deadline", "Hotpair-Timer")


def main(service: Service) -> None:
    """Serves until SIGTERM, then ends the process: with 0, or with 1 and a message after a fault."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what a handler prints is in the host's log at once, not with the next record
    if not logging.getLogger().handlers:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")  # half of a character must not cost a line
        logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        process = Process(service, dict(os.environ))
        _on_signals(process.stop)
        process.run()
    except Exception as error:
        print(f"{service.name} can't continue: {error}", file=sys.stderr, flush=True)
        _end(1)
    _end(0)


def _on_signals(stop: Callable[[], None]) -> None:
    """Has SIGTERM and SIGINT call stop, on a thread of its own: a handler of signals may come while the main thread holds the very lock
    that stop needs, and it may not come at all, if the main thread is just about to wait when the signal arrives."""
    ending = (signal.SIGTERM, signal.SIGINT)
    reads, writes = os.pipe()

    def wait() -> None:
        while os.read(reads, 1)[0] not in ending:
            pass
        stop()

    threading.Thread(target=wait, name="hotpair-signals", daemon=True).start()
    os.set_blocking(writes, False)
    signal.set_wakeup_fd(writes, warn_on_full_buffer=False)  # written to at once, whatever the main thread does
    for number in ending:
        signal.signal(number, lambda *_: None)


def _end(code: int) -> None:
    """Ends the process although a handler may not return."""
    sys.stdout.flush()
    logging.shutdown()
    os._exit(code)


class _Updater(Database):
    """The connection to the updater of a host."""

    def __init__(self, connection: Connection, service: str) -> None:
        self._connection, self._prefix = connection, f"db.{service}."
        self._lives = 0

    def call(self, name: str, message: bytes, timeout: float) -> bytes:
        try:
            return self._connection.request(self._prefix + name, message, timeout)
        except (NotSent, NobodyServes):
            raise e.Away() from None
        except TimeoutError:
            raise e.Late() from None
        except Disconnected:
            raise e.Doubt() from None

    def pause(self, seconds: float) -> bool:
        lives, _ = self._connection.lives()
        return self._connection.wait(lives, seconds)

    def end_calls(self) -> None:
        self._connection.end_calls()


class Process:
    """One run of a service. run serves until stop is called, from any thread."""

    def __init__(self, service: Service, environment: Dict[str, str]) -> None:
        if not service.operations:
            raise ValueError(f"{service.name} has no operations")
        for name in ("REQUESTS_URL", "DATABASE_URL", "BUS_USER", "BUS_PASSWORD", "BUS_INBOX"):
            if not environment.get("HOTPAIR_" + name):
                raise ValueError(f"HOTPAIR_{name} is not set: a service must be started by a host, which sets it "
                                 f"(HOTPAIR_BUSINESS={service.name}=/path/to/program)")
        self._service, self._environment = service, environment
        self._id = f"{os.getpid()}-{int(time.time() * 1000)}"
        self._started = datetime.now(timezone.utc).isoformat()
        self._counts = {name: Counts() for name in service.operations}
        self._stop = threading.Event()
        self._problem: Optional[Exception] = None
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._waiting: "queue.SimpleQueue[Optional[Tuple[Message, Operation, Request, float]]]" = queue.SimpleQueue()
        self._in_flight = self._bytes = self._workers = 0
        self._stopping = False

    def stop(self) -> None:
        """Makes run end: new requests are refused, and requests in flight get one second."""
        self._stop.set()

    def _fail(self, problem: Exception) -> None:
        if self._problem is None:
            self._problem = problem
        self._stop.set()

    def _complain(self, error: Exception) -> None:
        if isinstance(error, Forbidden):
            self._fail(self._misnamed() or error)
        else:
            log.debug("a server complains: %s", error)  # that it shuts down, for example: it comes back, or main ends

    def _misnamed(self) -> Optional[Exception]:
        """Explains a refusal by the host when it started this program under another name."""
        name = self._environment["HOTPAIR_BUS_USER"].removeprefix("business.")
        if name == self._service.name:
            return None
        return Forbidden(f'the host started this program as "{name}", but it is {self._service.name}: '
                         "use the same name in hotpair.Service and in HOTPAIR_BUSINESS (or in hotpair.json, with hotpair dev)")

    def _connect(self, url: str, once: bool = False) -> Connection:
        env = self._environment
        inbox = f"{env['HOTPAIR_BUS_INBOX']}.{secrets.token_hex(16)}"  # so that nobody can guess where answers are awaited
        return Connection(url, env["HOTPAIR_BUS_USER"], env["HOTPAIR_BUS_PASSWORD"], inbox,
                          "business." + self._service.name, once=once, complaint=self._complain)

    def run(self) -> None:
        connections: List[Connection] = []
        beating = threading.Event()
        try:
            control = None
            if self._environment.get("HOTPAIR_BUS_URL"):  # of main: a service does not outlive it
                control = self._connect(self._environment["HOTPAIR_BUS_URL"], once=True)
                connections.append(control)
                if not control.connect(self._stop):
                    return
                threading.Thread(target=self._watch, args=(control,), daemon=True).start()
            database = self._connect(self._environment["HOTPAIR_DATABASE_URL"])
            connections.append(database)
            database.open_inbox()
            self._requests = self._connect(self._environment["HOTPAIR_REQUESTS_URL"])
            connections.append(self._requests)
            self._shared = Shared(self._service, _Updater(database, self._service.name))
            if not database.connect(self._stop) or not self._requests.connect(self._stop):
                return
            subscribed = self._subscribe()
            _flush(database, SUBSCRIBE_WITHIN)
            _flush(self._requests, SUBSCRIBE_WITHIN)
            if control is not None:
                threading.Thread(target=self._beat, args=(control, beating), daemon=True).start()
            log.info("serving %s %s: %s", self._service.name, self._service.version, ", ".join(self._service.names()))
            self._stop.wait()
            self._finish(subscribed)
        finally:
            beating.set()
            for connection in connections:
                connection.close()
        if self._problem is not None:
            raise self._problem

    def _watch(self, control: Connection) -> None:
        control.ended.wait()
        if not self._stop.is_set():
            self._fail(Disconnected("the connection to main is lost, so this service ends"))

    def _beat(self, control: Connection, end: threading.Event) -> None:
        name = "business." + self._service.name
        beat = json.dumps({"process": name, "pid": os.getpid(), "ready": True}).encode()
        while True:
            try:
                control.publish("heartbeat." + name, beat)
            except (NotSent, Disconnected):
                return  # the process ends with that connection
            if end.wait(BEAT_EVERY):
                return

    def _finish(self, subscribed: List[str]) -> None:
        """Refuses new requests and waits for those in flight, first with their deadlines, then as if those had passed."""
        for sid in subscribed:
            try:
                self._requests.unsubscribe(sid)
            except NotSent:
                pass  # and with the connection the subscription
        _flush(self._requests, FINISH_WITHIN)  # what is on its way is taken
        with self._work:
            self._stopping = True
            done = self._work.wait_for(lambda: self._in_flight == 0, FINISH_WITHIN if self._problem is None else 0)
            self._shared.stop()
            if not done and not self._work.wait_for(lambda: self._in_flight == 0, FINISH_WITHIN):
                self._fail(RuntimeError(f"{self._in_flight} handlers do not return"))
        for _ in range(self._workers):
            self._waiting.put(None)
        _flush(self._requests, FINISH_WITHIN)  # the answers leave

    # Requests.

    def _subscribe(self) -> List[str]:
        sids = []
        for name, operation in self._service.operations.items():
            subject = f"business.{self._service.name}.{name}"
            sids.append(self._requests.subscribe(subject, lambda m, name=name, operation=operation: self._take(m, name, operation), "q"))
        # PING last, so that who finds the service can use it.
        for verb, answer in (("INFO", self._info), ("STATS", self._stats), ("PING", self._ping)):
            for subject in (f"$SRV.{verb}", f"$SRV.{verb}.{self._service.name}", f"$SRV.{verb}.{self._service.name}.{self._id}"):
                sids.append(self._requests.subscribe(subject, lambda m, answer=answer: self._say(m.reply, json.dumps(answer()).encode())))
        return sids

    def _take(self, message: Message, name: str, operation: Operation) -> None:
        """Accepts a request. It runs on the thread of the connection and never blocks."""
        try:
            request = read_request(name, message)
        except e.Malformed as error:
            self._answer(message, Reply(error.code, error.message))
            return
        refused = None
        with self._work:
            if self._stopping:
                refused = not_now(operation, request, e.NOBODY, "this process is stopping; the request was not executed")
            elif self._in_flight >= MAX_REQUESTS or self._bytes + len(request.body) > MAX_BYTES:
                refused = not_now(operation, request, e.BUSY, "too many requests at the same time; this request was not executed")
            elif not self._has_worker():
                refused = not_now(operation, request, e.BUSY, "no thread is available; this request was not executed")
            else:
                self._in_flight += 1
                self._bytes += len(request.body)
                self._counts[name].in_flight += 1
                self._shared.note(request.epoch)
                self._waiting.put((message, operation, request, time.monotonic()))
        if refused is not None:
            self._answer(message, refused)

    def _has_worker(self) -> bool:
        """Returns whether a worker will serve one more request; starts one if needed. The caller holds the lock."""
        if self._workers < min(self._in_flight + 1, WORKERS):
            try:
                threading.Thread(target=self._worker, name="hotpair-worker", daemon=True).start()
                self._workers += 1
            except RuntimeError as error:
                log.warning("a thread can't be started: %s", error)
        return self._workers > 0

    def _worker(self) -> None:
        try:
            while True:
                taken = self._waiting.get()
                if taken is None:
                    return
                self._serve(*taken)
        finally:
            with self._work:
                self._workers -= 1
                if self._in_flight > self._workers:
                    self._has_worker()  # who waits must not wait for the next request

    def _serve(self, message: Message, operation: Operation, request: Request, arrived: float) -> None:
        counts = self._counts[request.operation]
        reply = Reply(e.UNKNOWN, "the outcome is unknown")
        try:
            try:
                reply = Execution(self._shared, operation, request, counts, arrived).serve()
            finally:
                self._answer(message, reply)
        finally:
            with self._work:
                self._in_flight -= 1
                self._bytes -= len(request.body)
                counts.in_flight -= 1
                counts.requests += 1
                counts.errors += reply.code != e.OK
                counts.took += time.monotonic() - arrived
                if self._stopping and self._in_flight == 0:
                    self._work.notify_all()

    def _answer(self, message: Message, reply: Reply) -> None:
        headers = {}
        if reply.code != e.OK:
            headers = {"Nats-Service-Error-Code": str(reply.code), "Nats-Service-Error": reply.message}
        if reply.proof:
            headers["Hotpair-Proof"] = reply.proof
        self._say(message.reply, reply.body, headers)

    def _say(self, to: str, data: bytes, headers: Optional[Dict[str, str]] = None) -> None:
        if not to:
            log.warning("a request without a reply subject was executed; its answer was dropped")
            return
        try:
            self._requests.publish(to, data, headers)
        except (NotSent, Disconnected) as error:
            log.debug("a reply could not be sent: %s", error)  # who asked knows

    # Discovery, by the conventions of NATS services.

    def _about(self, kind: str) -> Dict[str, Any]:
        return {"type": f"io.nats.micro.v1.{kind}_response", "name": self._service.name, "id": self._id,
                "version": self._service.version, "metadata": {}}

    def _ping(self) -> Dict[str, Any]:
        return self._about("ping")

    def _info(self) -> Dict[str, Any]:
        return {**self._about("info"), "description": self._service.description, "endpoints": [
            {"name": name, "subject": f"business.{self._service.name}.{name}", "queue_group": "q", "metadata": {}}
            for name in self._service.names()]}

    def _stats(self) -> Dict[str, Any]:
        endpoints = []
        for name in self._service.names():
            c = self._counts[name]
            endpoints.append({
                "name": name, "subject": f"business.{self._service.name}.{name}", "queue_group": "q", "num_requests": c.requests,
                "num_errors": c.errors, "processing_time": int(c.took * 1e9),
                "average_processing_time": int(c.took * 1e9 / c.requests) if c.requests else 0,
                "data": {"requests": c.requests, "errors": c.errors, "conflicts": c.conflicts, "recorded": c.recorded, "in_flight": c.in_flight,
                         "took_ns": int(c.took * 1e9)}})
        return {**self._about("stats"), "started": self._started, "endpoints": endpoints}


def _flush(connection: Connection, within: float) -> None:
    """Waits until a server has received everything sent and delivered what it sent before. Waits out a reconnect."""
    try:
        connection.flush(within)
    except (OSError, NotSent, Disconnected):
        pass


def read_request(operation: str, message: Message) -> Request:
    """Reads the headers of a request. A missing header is zero; an unreadable one is refused."""
    headers: Dict[str, str] = {}
    for name, value in message.headers:
        if name[:8].lower() != "hotpair-":
            continue
        if name not in _HEADERS:
            raise e.Malformed(f"unknown header {name[:80]!r}: omit it, or use one of {', '.join(_HEADERS)}")
        if name in headers:
            raise e.Malformed(f"the header {name} occurs more than once: give it once")
        headers[name] = value
    own, counter = headers.get("Hotpair-Request-Id", ""), _number(headers, "Hotpair-Counter")
    if (own or counter) and not headers.get("Hotpair-Terminal"):
        raise e.Malformed("header Hotpair-Terminal is missing: an id needs its terminal")
    remaining = 0.0
    if headers.get("Hotpair-Deadline"):
        found = re.fullmatch(r"(\d{1,9})ms", headers["Hotpair-Deadline"])
        if not found or int(found[1]) == 0:
            raise e.Malformed(f"header Hotpair-Deadline: {headers['Hotpair-Deadline'][:40]!r} is not a whole number of ms like 29500ms")
        remaining = int(found[1]) / 1000
    return Request(operation, message.data, headers.get("Hotpair-Ticket", ""), bool(own), max(1, _number(headers, "Hotpair-Attempt")),
                   _number(headers, "Hotpair-Epoch"), remaining, _timer(headers.get("Hotpair-Timer", "")))


def _number(headers: Dict[str, str], name: str) -> int:
    text = headers.get(name, "0")
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise e.Malformed(f"header {name}: {text[:40]!r} is not a number")
    return int(text)


def _timer(text: str) -> Optional[Fired]:
    if not text:
        return None
    try:
        due = json.loads(text)
        timer = Fired(due["key"], int(due["revision"]), int(due["at_ns"]), int(due["late_ns"]))
        if not isinstance(timer.key, str) or not timer.key:
            raise ValueError("it has no key")
        timer.key.encode()
        return timer
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise e.Malformed(f"header Hotpair-Timer: {error}") from None
