"""The transaction of a request."""
from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple, Union

from ._body import coded, decoded, encode, key_bytes, key_text, position, put_text, put_texts
from ._errors import Interrupt, Misuse, Moved
from ._items import All, Due, Fired, Item, Page, Range
from ._outbox import too_many, wrong

MAX_SCAN = 1000
# More than this is not compared at once: keys, a value counted as one more for each KiB, and ranges.
MOST_KEYS, MOST_RANGES = 1 << 14, 256
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


Ask = Callable[[str, Dict[str, Any]], Dict[str, Any]]


class Tx:
    """The one transaction of a request.

    What it reads is of one committed position; what it writes takes effect as one update when the handler returns, and is
    forgotten when it raises. Each key read, and each range scanned, is a condition of that update: if another request was
    faster, the handler is run again with a new Tx. A key that is only written has no condition. A Tx belongs to the thread
    of its handler and is of no use after it.
    """

    def __init__(self, ask: Ask, *, ticket: str = "", run: int = 1, read_only: bool = False, fired: Optional[Fired] = None,
                 queue: Callable[[List[str]], None] = lambda keys: None, writes: Callable[[str], bool] = lambda name: True) -> None:
        self._ask_updater, self._queue, self._writes = ask, queue, writes
        self._ticket, self._run, self._read_only, self._fired = ticket, run, read_only, fired
        self._at: Tuple[int, int] = (0, 0)
        self._seen: Dict[str, Tuple[bytes, int]] = {}
        self._keys: List[str] = []  # that were read, in order
        self._ranges: List[Range] = []
        self._cost = 0  # of comparing them
        self._required: List[Dict[str, Any]] = []
        self._written: Dict[str, Optional[bytes]] = {}  # None: deleted
        self._timers: Dict[str, Dict[str, Any]] = {}
        self._notices: List[Dict[str, Any]] = []
        self._emissions: List[Dict[str, Any]] = []
        self._trips = 0
        self.failed: Optional[BaseException] = None  # decides what becomes of the run, whatever the handler makes of it

    @property
    def run(self) -> int:
        """The number of this run of the handler for this request, from 1."""
        return self._run

    @property
    def due(self) -> Optional[Due]:
        """The timer of this run; None for a request."""
        if self._fired is None:
            return None
        return Due(self._fired.key, _EPOCH + timedelta(microseconds=self._fired.at_ns // 1000), timedelta(microseconds=self._fired.late_ns // 1000))

    # Reading.

    def get(self, key: str) -> Item:
        """Reads one key. For several keys use get_many, which is one round trip."""
        return self.get_many(key)[0]

    def get_many(self, *keys: str) -> List[Item]:
        """Reads keys in one round trip, or none if all were already read. Returns items in the order of the keys."""
        self._go_on()
        missing = [key for key in dict.fromkeys(keys) if key not in self._seen and key not in self._written]
        if missing:
            for key in missing:
                self._check(key)
            self._trip(self._read, missing)
        return [self._item(key) for key in keys]

    def _read(self, missing: List[str]) -> None:
        """Fetches keys and, in the same call, everything read before, so that all reads are of one position."""
        if self._trips == 0:
            self._queue(missing)
        wanted, still = self._keys + missing, self._still()
        reply = self._ask("read", put_texts({"ranges": still or []}, "keys", wanted))
        items = reply.get("items", [])
        if len(items) != len(wanted):
            raise Misuse(f"the updater returned {len(items)} items for {len(wanted)} keys")
        if still is None and self._ranges and position(reply) != self._at:
            raise Moved()
        for i, (key, item) in enumerate(zip(wanted, items)):
            value, revision = decoded(item, "value"), int(item["revision"])
            if i < len(self._keys):
                if self._seen[key][1] != revision:
                    raise Moved()
                continue
            self._seen[key] = (value, revision)
        self._keys = wanted
        self._at = position(reply)

    def scan(self, prefix: str, after: str = "", limit: int = MAX_SCAN, *, kept: bool = False) -> Page:
        """Gives up to limit items (at most 1000) whose keys begin with prefix and come after a key, in the order of their bytes.

        The condition is on the range: a key that appears in it, changes or goes is noticed as well, so a handler may put a
        key because it found none. Before the first write only. kept is for a range in which nothing is ever deleted: its
        pages are of one position also while it is written to.
        """
        self._go_on()
        if self._written:
            raise self._fail(Misuse("scan before the first write: a scan would not see it"))
        if limit <= 0 or limit > MAX_SCAN:
            limit = MAX_SCAN
        return self._trip(self._scan, prefix, after, limit, kept)

    def _scan(self, prefix: str, after: str, limit: int, kept: bool) -> Page:
        if self._trips == 0:
            self._queue([line_of(prefix)])
        message = put_text(put_text({"limit": limit}, "prefix", prefix), "after", after)
        first = self._at == (0, 0)
        if not kept and not first:
            still = self._still()
            if still is None and self._ranges:
                message["position"] = {"epoch": str(self._at[0]), "sequence": str(self._at[1])}
            else:
                message["ranges"], message["conditions"] = still or [], self._unchanged()
        reply = self._ask("scan", message)
        if not kept or first:
            self._at = position(reply)
        items = []
        for item in reply.get("items", []):
            key, value, revision = key_text(decoded(item, "key")), decoded(item, "value"), int(item["revision"])
            if revision > self._at[1]:
                raise Moved()
            if not self._read_only:
                self._seen[key] = (value, revision)
            items.append(Item(key, value, revision, True))
        more = bool(reply.get("more"))
        self._note(prefix, after, items, more)
        return Page(items, more)

    def _note(self, prefix: str, after: str, items: List[Item], more: bool) -> None:
        """Records a page as a read range. A page that continues another extends its range; a repeated one adds nothing."""
        through = items[-1].key if more and items else ""
        for one in self._ranges:
            if (one.prefix, one.after, one.through) == (prefix, after, through):
                return
        self._cost += sum(1 + (len(item.bytes) >> 10) for item in items)
        for one in self._ranges:
            if one.prefix == prefix and one.through and one.through == after:
                one.through, one.keys = through, one.keys + len(items)
                return
        self._cost += 1
        self._ranges.append(Range(prefix, after, through, len(items)))

    def _still(self) -> Optional[List[Dict[str, Any]]]:
        """The ranges for a further read; None if they exceed what one call may compare."""
        if self._cost > MOST_KEYS or len(self._ranges) > MOST_RANGES:
            return None
        return self.ranges()

    def _item(self, key: str) -> Item:
        value, revision = self._seen.get(key, (b"", 0))
        if key in self._written:
            own = self._written[key]
            return Item(key, own or b"", revision, own is not None)
        return Item(key, value, revision, revision != 0)

    # Writing.

    def put(self, key: str, value: Any) -> None:
        """Writes a key when the handler returns: bytes unchanged, other values as JSON."""
        self._write(key, bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else self._try(encode, value))

    def delete(self, key: str) -> None:
        """Removes a key when the handler returns. An absent key is not an error."""
        self._write(key, None)

    def _write(self, key: str, data: Optional[bytes]) -> None:
        self._may_write()
        self._check(key)
        self._written[key] = data

    def require(self, key: str, revision: Optional[int] = None, *, present: bool = False) -> None:
        """Makes it a condition, without a trip, that a key has a revision (0: is absent), or is present.

        If that is not so the handler is run again, and run is above 1.
        """
        self._go_on()
        self._check(key)
        if (revision is None) != present or revision is not None and revision < 0:
            raise self._fail(Misuse("require needs a revision from 0, or present=True"))
        self._required.append(put_text({"present": True} if present else {"revision": str(revision)}, "key", key))

    # Timers.

    def after(self, key: str, wait: Union[float, timedelta], operation: str, body: Any = None, *, late: str = "run") -> None:
        """Has an operation done when a time (in seconds) has passed after the update. A timer that has the key already is moved.

        The time goes on while nobody serves, and follows no wall clock. late="skip" drops it when it is a minute late.
        """
        try:
            seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
        except (TypeError, ValueError, OverflowError):
            seconds = -1.0
        if not 0 <= seconds <= 100 * 365 * 86400:  # also refuses what is no number
            raise self._fail(Misuse(f"timer {key!r} has the invalid delay {wait!r}"))
        ms = -(-round(seconds * 1_000_000) // 1000)  # never early
        self._timer(key, operation, body, late, {"after_ms": ms} if ms else {})

    def at(self, key: str, hour: datetime, operation: str, body: Any = None, *, late: str = "run") -> None:
        """Runs an operation at a time of day, otherwise like after. It waits while the hosts' wall clocks are in doubt."""
        if hour.tzinfo is None:
            raise self._fail(Misuse(f"timer {key!r} is due at {hour}, which has no time zone"))
        ns = (hour - _EPOCH) // timedelta(microseconds=1) * 1000
        if not 0 < ns < 1 << 63:
            raise self._fail(Misuse(f"timer {key!r} is due at {hour}, which is out of range"))
        self._timer(key, operation, body, late, {"at_ns": str(ns)})

    def cancel(self, key: str) -> None:
        """Cancels a timer. An absent timer is not an error."""
        self._may_write()
        self._leave("timers", {"key": key, "cancel": True})

    def _timer(self, key: str, operation: str, body: Any, late: str, due: Dict[str, Any]) -> None:
        self._may_write()
        if not self._writes(operation):
            raise self._fail(Misuse(f"timer {key!r} needs an operation that writes, and {operation!r} is not one"))
        if late not in ("run", "skip"):
            raise self._fail(Misuse(f'timer {key!r} has late={late!r}; want "run" or "skip"'))
        timer = {"key": key, "operation": operation, **due}
        if body is not None:
            timer["body"] = json.loads(self._try(encode, body))  # as it is now
        if late == "skip":
            timer["skip"] = True
        self._leave("timers", timer)

    def _leave(self, kind: str, one: Dict[str, Any]) -> None:
        """Adds an entry to the outbox. Of several changes of one timer the last one counts."""
        problem = wrong({kind: [one]})
        if problem:
            raise self._fail(Misuse(problem))
        if kind == "timers":
            self._timers[one["key"]] = one
        else:
            (self._notices if kind == "notices" else self._emissions).append(one)
        problem = too_many(len(self._timers), self._notices, len(self._emissions))
        if problem:
            raise self._fail(Misuse(problem))

    # Notices.

    def notify(self, to: Union[All, Iterable[str]], topic: str, body: Any = None, *, fenced: bool = False,
               within: Optional[Union[float, timedelta]] = None) -> None:
        """Tells terminals something when the handler returns: those with these ids, or hotpair.ALL. None as the body is {}.

        It is a part of the update: no terminal is told of what was not committed. Each gets the notices of all services in the
        order of the updates, keeps them, and gives them to applications that have subscribed to notice.SERVICE.TOPIC; one that is
        not attached gets them later. An id that is none of the pair's refuses the update: the request is answered with 404.

        fenced=True makes a command of it, for what moves something in the world and must not be carried out twice: a terminal hands it
        out at most once, to the application that takes it first, and no later than within (in seconds, up to a day) after the update.
        It is for named terminals only.
        """
        self._may_write()
        notice: Dict[str, Any] = {"topic": topic}
        if fenced:
            notice["fenced"] = True
        if within is not None:
            try:
                notice["within_ms"] = int((within.total_seconds() if isinstance(within, timedelta) else float(within)) * 1000)
            except (TypeError, ValueError, OverflowError):
                notice["within_ms"] = -1
        if isinstance(to, All):
            notice["all"] = True
        else:
            try:
                notice["to"] = [] if isinstance(to, str) else list(to)
            except TypeError:
                notice["to"] = []
        if body is not None:
            notice["body"] = json.loads(self._try(encode, body))  # as it is now
        self._leave("notices", notice)

    # Emissions.

    def emit(self, target: str, lane: str, body: Any = None) -> None:
        """Tells the world outside something when the handler returns: the body is sent to a target of the pair by HTTP POST.

        It is a part of the update, and is sent by whoever serves until the target has it. What is emitted in one lane arrives in the
        order of the updates; name a lane by what must stay in order. A target that does not exist refuses the update: 404.
        """
        self._may_write()
        emission: Dict[str, Any] = {"target": target, "lane": lane}
        if body is not None:
            emission["body"] = json.loads(self._try(encode, body))  # as it is now
        self._leave("emissions", emission)

    # What the runtime makes of it.

    def writes(self) -> bool:
        """Whether the outbox has entries."""
        return bool(self._written or self._timers or self._notices or self._emissions or self._fired)

    def requires(self) -> bool:
        return bool(self._required)

    def operations(self) -> List[Dict[str, Any]]:
        return [put_text({"delete": True} if data is None else {"value_base64": coded(data)}, "key", key) for key, data in self._written.items()]

    def outbox(self) -> Dict[str, Any]:
        made: Dict[str, Any] = {}
        if self._timers:
            made["timers"] = list(self._timers.values())
        if self._notices:
            made["notices"] = self._notices
        if self._emissions:
            made["emissions"] = self._emissions
        if self._fired is not None:
            made["fired"] = {"key": self._fired.key, "revision": str(self._fired.revision)}
        return made

    def conditions(self) -> List[Dict[str, Any]]:
        """The required conditions, and that every key read is unchanged."""
        return self._required + self._unchanged()

    def _unchanged(self) -> List[Dict[str, Any]]:
        return [put_text({"revision": str(self._seen[key][1])}, "key", key) for key in self._keys]

    def ranges(self) -> List[Dict[str, Any]]:
        made = []
        for one in self._ranges:
            message = {"keys": one.keys, "sequence": str(self._at[1])}
            for name, key in (("prefix", one.prefix), ("after", one.after), ("through", one.through)):
                put_text(message, name, key)
            made.append(message)
        return made

    @property
    def ticket(self) -> str:
        return self._ticket

    @property
    def read_only(self) -> bool:
        return self._read_only

    def _ask(self, call: str, message: Dict[str, Any]) -> Dict[str, Any]:
        self._trips += 1
        if self._ticket:
            message["ticket"] = self._ticket
        message["base64"] = True
        return self._ask_updater(call, message)

    def _trip(self, make: Callable[..., Any], *args: Any) -> Any:
        try:
            return make(*args)
        except (Interrupt, Misuse) as error:
            raise self._fail(error)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise self._fail(Misuse(f"a reply of the updater can't be read: {error!r}"))

    def _may_write(self) -> None:
        self._go_on()
        if self._read_only:
            raise self._fail(Misuse("a query can't write"))

    def _check(self, key: str) -> None:
        if not isinstance(key, str) or not key:
            raise self._fail(Misuse(f"a key must be a non-empty text, not {key!r:.100}"))
        self._try(key_bytes, key)

    def _try(self, make: Callable[[Any], bytes], value: Any) -> bytes:
        try:
            return make(value)
        except Misuse as error:
            raise self._fail(error)

    def _go_on(self) -> None:
        if self.failed is not None:
            raise self.failed

    def _fail(self, error: BaseException) -> BaseException:
        """Records the first error."""
        if self.failed is None:
            self.failed = error
        return self.failed


def line_of(prefix: str) -> str:
    """Names the queue of requests that contend for keys with a prefix. No key of a service has such a name."""
    return "\x00scan\x00" + prefix
