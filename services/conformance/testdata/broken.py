"""A service that breaks one rule of the protocol, named by its argument; without one it keeps them all.

It counts, with the runtime for Python, of which each break changes a piece.
"""
import dataclasses
import os
import pathlib
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

RUNTIME = pathlib.Path(__file__).resolve().parents[2] / "business" / "python"
sys.path.insert(0, str(RUNTIME))
import hotpair  # noqa: E402
from hotpair import _errors as e, _execution as execution, _run as run  # noqa: E402

BREAK = sys.argv[1] if len(sys.argv) > 1 else ""
Execution, Process, Reply = execution.Execution, run.Process, execution.Reply
service = hotpair.Service("count", version="1.0.0")


@dataclass
class Name:
    name: str = ""


@service.operation
def add(tx: hotpair.Tx, q: Name) -> dict:
    if not q.name:
        raise hotpair.Malformed("who is counted?")
    total = tx.get("total").value or 0
    count = (tx.get(q.name).value or 0) + 1
    tx.put(q.name, count)
    tx.put("total", total + 1)
    return {"count": count + (BREAK == "answers")}


@service.operation
def later(tx: hotpair.Tx, q: Name) -> dict:
    tx.after("timer-" + q.name, 3600, "add", {"name": q.name})
    return {}


@service.query
def look(tx: hotpair.Tx, q: Name) -> dict:
    return {"count": tx.get(q.name).value or 0}


BREAKS = {}


def breaks(change):
    BREAKS[change.__name__.replace("_", "-")] = change
    return change


def around(owner, name, change):
    """Replaces a function by one that is given the old one."""
    old = getattr(owner, name)
    setattr(owner, name, lambda *args, **more: change(old, *args, **more))


def asks(change):
    """Changes what is said in calls: change(execution, call, message) → what is said instead."""
    around(Execution, "_ask", lambda old, self, call, message: old(self, call, change(self, call, message)))


def changed(name, **fields):
    service.operations[name] = dataclasses.replace(service.operations[name], **fields)


@breaks
def describes():
    around(Process, "_info", lambda old, self: {**old(self), "endpoints": []})


@breaks
def ready():
    def subscribe(old, connection, subject, handler, group=""):
        if subject.startswith("business."):
            def late():
                time.sleep(1)
                old(connection, subject, handler, group)
            threading.Thread(target=late, daemon=True).start()
            return "0"
        return old(connection, subject, handler, group)
    around(run.Connection, "subscribe", subscribe)


@breaks
def waits():
    from urllib.parse import urlparse
    import socket
    url = urlparse(os.environ["HOTPAIR_DATABASE_URL"])
    try:
        socket.create_connection((url.hostname, url.port)).close()
    except OSError as error:
        sys.exit(f"nobody listens: {error}")


def leaves(variable):
    def connect(old, self, url, once=False):
        mine = url == os.environ[variable]
        connection = old(self, url, once=once or mine)
        if mine:
            def watch():
                connection.ended.wait()
                os._exit(0)
            threading.Thread(target=watch, daemon=True).start()
        return connection
    around(Process, "_connect", connect)


@breaks
def requests_back():
    leaves("HOTPAIR_REQUESTS_URL")


@breaks
def updater_back():
    leaves("HOTPAIR_DATABASE_URL")


@breaks
def ends():
    run._on_signals = lambda stop: signal.signal(signal.SIGTERM, signal.SIG_IGN)


@breaks
def answers():
    pass  # add counts one too many


@breaks
def answers_once():
    def answer(old, self, message, reply):
        old(self, message, reply)
        old(self, message, reply)
    around(Process, "_answer", answer)
    around(Process, "_complain", lambda old, self, error: None)


@breaks
def sentences():
    around(Process, "_answer", lambda old, self, message, reply: old(self, message, reply._replace(message="")))


@breaks
def malformed():
    around(Process, "_take", lambda old, self, message, *more: old(self, message, *more) if message.data[:1] == b"{" else os._exit(3))


@breaks
def unknown_names():
    for name, operation in list(service.operations.items()):
        changed(name, kind=dict, handler=lambda tx, q, handler=operation.handler: handler(tx, Name(q.get("name", ""))))


@breaks
def at_once():
    busy = threading.Lock()

    def serve(old, self):
        if not busy.acquire(blocking=False):
            time.sleep(3600)
        try:
            return old(self)
        finally:
            busy.release()
    around(Execution, "serve", serve)


@breaks
def deadline():
    around(run, "read_request", lambda old, name, message: old(name, message)._replace(remaining=0.0))


@breaks
def well_formed():
    asks(lambda self, call, message: {**message, "no_such_field": 1})


@breaks
def busy():
    def pause(old, self, n):
        raise e.Late()
    around(Execution, "_pause", pause)


@breaks
def refused():
    around(Execution, "_refuse", lambda old, self, refused: Reply(500, "something went wrong"))
    around(e.Refused, "__init__", lambda old, self, code, message, final=False: old(self, code, message))


@breaks
def ticket():
    def say(self, call, message):
        return {k: v for k, v in message.items() if k != "ticket"} if call == "read" else message
    asks(say)
    around(execution.Tx, "_read", lambda old, self, missing: (setattr(self, "_ticket", ""), old(self, missing))[1])


@breaks
def recorded():
    around(e.Recorded, "__init__", lambda old, self, code, message, body, proof: old(self, code, message, body, ""))


@breaks
def id_reused():
    around(e.Recorded, "__init__", lambda old, self, code, message, body, proof: old(self, 0, "", body or b"{}", proof))


@breaks
def one_commit():
    def ask(old, self, call, message):
        if call == "commit":
            old(self, call, message)
        return old(self, call, message)
    around(Execution, "_ask", ask)


@breaks
def conditions():
    asks(lambda self, call, message: {k: v for k, v in message.items() if k != "conditions"} if call == "commit" else message)


@breaks
def proof():
    around(Process, "_answer", lambda old, self, message, reply: old(self, message, reply._replace(proof="")))


def may_repeat(change):
    execution.may_repeat = lambda operation, request, attempt: not operation.read_only and request.timer is None and change(request, attempt)


@breaks
def records_outcomes():
    may_repeat(lambda request, attempt: request.own_id)


@breaks
def records_own_ids():
    may_repeat(lambda request, attempt: attempt > 1)


@breaks
def reads_unrecorded():
    changed("look", read_only=False)


@breaks
def unknown_outcome():
    def ask(old, self, call, message):
        try:
            return old(self, call, message)
        except e.Doubt:
            raise e.Refused(504, "who knows")
    around(Execution, "_ask", ask)


@breaks
def lost_answer():
    def ask(old, self, call, message):
        try:
            return old(self, call, message)
        except e.Doubt:
            self._request = self._request._replace(ticket="")  # and does it again
            raise e.Away()
    around(Execution, "_ask", ask)


@breaks
def lost_call():
    def ask(old, self, call, message):
        if call == "commit" and getattr(self, "in_doubt", False):
            return {"code": 0}
        try:
            return old(self, call, message)
        except e.Doubt:
            self.in_doubt = True
            raise
    around(Execution, "_ask", ask)


@breaks
def crash_before():
    # A process that was started again on a host makes no commits.
    place = pathlib.Path(tempfile.gettempdir()) / os.environ["HOTPAIR_BUS_PASSWORD"][:16]
    again = place.exists()
    place.touch()

    def ask(old, self, call, message):
        if again and call == "commit":
            raise e.Refused(500, "not again")
        return old(self, call, message)
    around(Execution, "_ask", ask)


@breaks
def crash_after():
    def read(old, name, message):
        request = old(name, message)
        return request._replace(ticket="", attempt=1) if request.attempt > 1 else request
    around(run, "read_request", read)


@breaks
def one_position():
    def ask(old, self, call, message):
        keys = message.get("keys") or []
        kept = self.__dict__.setdefault("kept", {})
        if call != "read":
            kept.clear()
            return old(self, call, message)
        known = [key for key in keys if key in kept]
        reply = old(self, call, {**message, "keys": [key for key in keys if key not in kept]})
        kept.update(zip([key for key in keys if key not in kept], reply["items"]))
        return {**reply, "items": [kept[key] for key in keys]} if known else reply
    around(Execution, "_ask", ask)


@breaks
def conflict():
    def give_way(old, self):
        raise e.Refused(409, "somebody was faster")
    around(Execution, "_give_way", give_way)
    around(Execution, "_refuse", lambda old, self, refused: Reply(refused.code, refused.message))


@breaks
def conflicts_bounded():
    execution.MAX_RUNS = 10 ** 9


@breaks
def timer():
    asks(lambda self, call, message: {**message, "outbox": {}} if call == "commit" and self._request.timer else message)


@breaks
def subjects():
    def serve(old, self):
        sids = old(self)
        self._requests.subscribe("business.other.add", print)
        return sids
    around(Process, "_subscribe", serve)
    around(Process, "_complain", lambda old, self, error: None)


if BREAK:
    BREAKS[BREAK]()
service.run()
