"""A pair in memory, to test handlers without one.

    from hotpair.testing import Memory

    pair = Memory(service)
    assert pair.request("add") == {"count": 1}
    assert pair.value("count") == 1

It decides as the updater does: conditions, ranges, recorded answers, timers. It is not durable, and serves one request at a time
unless a test calls it from several threads.
"""
from __future__ import annotations

import base64
import bisect
import json
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import _errors as e
from ._body import coded, encode, key_bytes, with_revision
from ._execution import Counts, Database, Execution, Reply, Request, Shared
from ._items import Fired
from ._outbox import wrong
from ._service import Service

# Bounds as the updater has them.
_READ_KEYS, _SCAN_ITEMS, _UPDATE = 1024, 1000, 1 << 20
_CODES = {e.MALFORMED: e.Malformed, e.ABSENT: e.NotFound, e.CONFLICT: e.Conflict, e.TOO_LARGE: e.TooLarge}


class Memory(Database):
    """A service with its data in memory. Items maps keys to value and revision, timers keys to timers; notices and emissions list all sent."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.items: Dict[bytes, Tuple[bytes, int]] = {}
        self.timers: Dict[str, Dict[str, Any]] = {}
        self.notices: List[Dict[str, Any]] = []
        self.emissions: List[Dict[str, Any]] = []
        self.terminals: Optional[List[str]] = None  # that notices can be for; None: any
        self.targets: Optional[List[str]] = None  # that emissions can be for; None: any
        self.answers: Dict[str, Dict[str, Any]] = {}  # by id
        self.epoch, self.sequence = 1, 1
        self.commits = 0
        # Called before each commit is decided, for example to be faster than a handler. What it does is committed before.
        self.before_commit: Optional[Callable[[], None]] = None
        # Calls are answered with these codes, or with an Interrupt that is raised, as long as there are any.
        self.refuse: List[Any] = []
        self._lock = threading.RLock()
        self._shared = Shared(service, self)

    def call_raw(self, operation: str, body: Any = None, *, id: str = "", attempt: int = 1, own_id: bool = False, timer: Optional[Fired] = None,
                 deadline: float = 0.0) -> Reply:
        """Makes a request and returns the reply that the terminal gets. Two with one id are the same request."""
        known = self.service.operations.get(operation)
        if known is None:
            error = self.service.unknown(operation)
            return Reply(error.code, error.message)
        data = body if isinstance(body, bytes) else encode({} if body is None else body)
        ticket = json.dumps([id, operation, coded(data)]) if id else ""  # what terminal-if says of a request
        request = Request(operation, data, ticket, own_id, attempt, self.epoch, deadline, timer)
        return Execution(self._shared, known, request, Counts()).serve()

    def request(self, operation: str, body: Any = None, **how: Any) -> Any:
        """Makes a request and returns the answer; raises Error for an error."""
        reply = self.call_raw(operation, body, **how)
        if reply.code != e.OK:
            kind = _CODES.get(reply.code)
            raise kind(reply.message) if kind else e.Error(reply.code, reply.message)
        return json.loads(reply.body)

    def fire(self, key: str, late: float = 0.0) -> Reply:
        """Runs a timer as if it were due. KeyError if there is none."""
        timer = self.timers[key]
        fired = Fired(key, timer["revision"], time.time_ns() - int(late * 1e9), int(late * 1e9))
        return self.call_raw(timer["operation"], timer.get("body"), timer=fired)

    def value(self, key: str) -> Any:
        """The value of a key as JSON, None if it is absent or empty."""
        data, _ = self.items.get(key_bytes(key), (b"", 0))
        return json.loads(data) if data else None

    def put(self, key: str, value: Any) -> None:
        """Writes a key as an update of its own: bytes unchanged, other values as JSON."""
        with self._lock:
            self.sequence += 1
            self.items[key_bytes(key)] = (value if isinstance(value, bytes) else encode(value), self.sequence)

    def delete(self, key: str) -> None:
        """Removes a key as an update of its own."""
        with self._lock:
            self.sequence += 1
            self.items.pop(key_bytes(key), None)

    # The updater.

    def call(self, name: str, message: bytes, timeout: float) -> bytes:
        q = json.loads(message)
        if name == "commit" and self.before_commit is not None:
            self.before_commit()
        with self._lock:
            if self.refuse:
                code = self.refuse.pop(0)
                if isinstance(code, BaseException) or isinstance(code, type):
                    raise code
                return encode({"code": code, "message": "the test refuses"})
            known = self.answers.get(_id(q)) if "ticket" in q else None
            if known is not None and known["ticket"] != q["ticket"]:
                known = {"code": e.CONFLICT, "message": "the id was used before for another request"}
            if known is not None:
                return encode({"code": 0, "recorded": known})
            return encode({"read": self._read, "scan": self._scan, "commit": self._commit}[name](q))

    def pause(self, seconds: float) -> bool:
        time.sleep(min(seconds, 0.001))
        return False

    def _place(self) -> Dict[str, str]:
        return {"epoch": str(self.epoch), "sequence": str(self.sequence)}

    def _item(self, key: bytes) -> Dict[str, str]:
        value, revision = self.items.get(key, (b"", 0))
        return {"key_base64": coded(key), "value_base64": coded(value), "revision": str(revision)}

    def _read(self, q: Dict[str, Any]) -> Dict[str, Any]:
        keys = _texts(q, "keys")
        if len(keys) > _READ_KEYS:
            return {"code": e.TOO_LARGE, "message": f"{len(keys)} keys in one read, at most {_READ_KEYS}"}
        return self._unmoved(q) or {"code": 0, "position": self._place(), "items": [self._item(key) for key in keys]}

    def _scan(self, q: Dict[str, Any]) -> Dict[str, Any]:
        if q.get("position", self._place()) != self._place():
            return {"code": e.CONFLICT, "message": "the state has moved"}
        refused = self._unmoved(q)
        if refused:
            return refused
        keys = self._range(_text(q, "prefix"), _text(q, "after"), b"")
        limit = min(q.get("limit") or _SCAN_ITEMS, _SCAN_ITEMS)
        return {"code": 0, "position": self._place(), "items": [self._item(key) for key in keys[:limit]], "more": len(keys) > limit}

    def _commit(self, q: Dict[str, Any]) -> Dict[str, Any]:
        self.commits += 1
        if "ticket" not in q and int(q.get("epoch", 0)) != self.epoch:
            return {"code": e.NOBODY, "message": "the epoch has changed"}
        refused = self._unmoved(q)
        if refused:
            return refused
        outbox = q.get("outbox", {})
        problem = wrong(outbox)
        if problem:
            return {"code": e.MALFORMED, "message": problem}
        fired = outbox.get("fired")
        if fired and str(self.timers.get(fired["key"], {}).get("revision", 0)) != fired["revision"]:
            return {"code": e.TOO_OLD, "message": "the timer was moved"}
        notices = outbox.get("notices", [])
        for to in [to for notice in notices for to in notice.get("to", [])]:
            if self.terminals is not None and to not in self.terminals:
                return {"code": e.ABSENT, "message": f"a notice is for {to}, which is not a terminal of this pair"}
        for emission in outbox.get("emissions", []):
            if self.targets is not None and emission["target"] not in self.targets:
                return {"code": e.ABSENT, "message": f"the target {emission['target']} does not exist"}
        operations = q.get("operations", [])
        if sum(len(_text(o, "key")) + len(_text(o, "value")) for o in operations) > _UPDATE:
            return {"code": e.TOO_LARGE, "message": f"an update has at most {_UPDATE} bytes"}
        if not operations and not outbox and not q.get("record"):
            return {"code": 0}
        self.sequence += 1
        if fired:
            del self.timers[fired["key"]]
        self.notices += notices
        self.emissions += outbox.get("emissions", [])
        for timer in outbox.get("timers", []):
            self.timers.pop(timer["key"], None)
            if not timer.get("cancel"):
                self.timers[timer["key"]] = {**timer, "revision": self.sequence}
        for o in operations:
            if o.get("delete"):
                self.items.pop(_text(o, "key"), None)
            else:
                self.items[_text(o, "key")] = (_text(o, "value"), self.sequence)
        reply: Dict[str, Any] = {"code": 0, "position": self._place()}
        if "ticket" in q:
            reply["proof"] = f"{self.epoch}/{self.sequence}.test"
            self.answers[_id(q)] = {"ticket": q["ticket"], **self._answer(q["answer"], reply["proof"])}
        return reply

    def _answer(self, answer: Dict[str, Any], proof: str) -> Dict[str, Any]:
        body = _text(answer, "body")
        if answer.get("revision"):
            body = with_revision(body, self.sequence)
        return {"code": answer.get("code", 0), "message": answer.get("message", ""), "body_base64": coded(body), "proof": proof}

    def _unmoved(self, q: Dict[str, Any]) -> Optional[Dict[str, Any]]:
        """The conditions and ranges that do not hold; None if all hold."""
        conflicts, moved = [], []
        for c in q.get("conditions", []):
            _, revision = self.items.get(_text(c, "key"), (b"", 0))
            if (revision == 0) if c.get("present") else (revision != int(c.get("revision", 0))):
                conflicts.append(coded(_text(c, "key")))
        for i, r in enumerate(q.get("ranges", [])):
            keys = self._range(_text(r, "prefix"), _text(r, "after"), _text(r, "through"))
            if len(keys) != r.get("keys", 0) or any(self.items[key][1] > int(r.get("sequence", 0)) for key in keys):
                moved.append(i)
        if conflicts or moved:
            return {"code": e.CONFLICT, "message": "a condition of the commit does not hold", "conflicts_base64": conflicts, "moved": moved}
        return None

    def _range(self, prefix: bytes, after: bytes, through: bytes) -> List[bytes]:
        keys = sorted(self.items)
        keys = keys[bisect.bisect_left(keys, prefix):]
        return [key for key in keys if key.startswith(prefix) and key > after and (not through or key <= through)]


def _id(message: Dict[str, Any]) -> str:
    return str(json.loads(message["ticket"])[0])


def _text(message: Dict[str, Any], name: str) -> bytes:
    if name + "_base64" in message:
        return base64.b64decode(message[name + "_base64"])
    return str(message.get(name, "")).encode()


def _texts(message: Dict[str, Any], name: str) -> List[bytes]:
    if name + "_base64" in message:
        return [base64.b64decode(key) for key in message[name + "_base64"]]
    return [str(key).encode() for key in message.get(name, [])]


__all__ = ["Memory"]
