"""The updater's bounds of timers, notices and emissions, checked here to report which one is exceeded."""
from __future__ import annotations

import re
from typing import Any, Dict, List

from ._body import encode

MAX_TIMERS = MAX_NOTICES = MAX_EMISSIONS = 256
MAX_RECIPIENTS = 1024  # of the notices of one update, counted for each notice
MAX_KEY = 256
MAX_BODY = 64 << 10
LONGEST_MS = 100 * 365 * 86_400_000
WITHIN_MS = 86_400_000  # of a fenced notice

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_LANE = re.compile(r"[!-.0-~]{1,128}")


def wrong(outbox: Dict[str, Any]) -> str:
    """Returns what is wrong with the outbox of a commit, or ""."""
    timers, notices, emissions = (outbox.get(kind, []) for kind in ("timers", "notices", "emissions"))
    problem = too_many(len(timers), notices, len(emissions))
    for check, ones in ((_timer, timers), (_notice, notices), (_emission, emissions)):
        for one in ones:
            problem = problem or check(one)
    return problem


def too_many(timers: int, notices: List[Dict[str, Any]], emissions: int) -> str:
    for number, most, what in ((timers, MAX_TIMERS, "changes of timers"), (len(notices), MAX_NOTICES, "notices"),
                               (emissions, MAX_EMISSIONS, "emissions")):
        if number > most:
            return f"{number} {what} in one update, at most {most}"
    recipients = sum(len(one.get("to", [])) for one in notices)
    if recipients > MAX_RECIPIENTS:
        return f"notices of one update for {recipients} terminals, at most {MAX_RECIPIENTS}; one to all is stored once"
    return ""


def _timer(one: Dict[str, Any]) -> str:
    key = one["key"]
    try:
        size = len(key.encode())
    except (UnicodeEncodeError, AttributeError):
        size = 0
    if not 1 <= size <= MAX_KEY:
        return f"{key!r:.300} is no key of a timer: it has 1 to {MAX_KEY} bytes of UTF-8"
    if one.get("cancel"):
        return ""
    if not _named(one["operation"]):
        return f"timer {key!r} names the operation {one['operation']!r:.70}"
    if not 0 <= one.get("after_ms", 0) <= LONGEST_MS:
        return f"timer {key!r} is due in {one['after_ms']} ms, at most {LONGEST_MS} are possible"
    return _body(f"timer {key!r}", one)


def _notice(one: Dict[str, Any]) -> str:
    topic, to = one["topic"], one.get("to", [])
    if not _named(topic):
        return f"a notice on the topic {topic!r:.70}; a topic has 1 to 64 letters, digits, - and _"
    if bool(to) == bool(one.get("all")):
        return f"a notice on {topic} is for {'all and for some' if to else 'nobody'}: it is for a list of ids of terminals, or hotpair.ALL"
    for terminal in to:
        if not _named(terminal):
            return f"a notice on {topic} is for {terminal!r:.70}, which is no id of a terminal"
    if len(set(to)) < len(to):
        return f"a notice on {topic} is for one terminal twice"
    within = one.get("within_ms", 0)
    if not one.get("fenced"):
        if within:
            return f"a notice on {topic} is to be taken within {within} ms and is not fenced"
    elif one.get("all"):
        return f"a fenced notice on {topic} is for all, and each terminal would carry it out: name the terminals"
    elif not 1 <= within <= WITHIN_MS:
        return f"a fenced notice on {topic} says that it is to be taken within {within} ms; that has to be 1 to {WITHIN_MS}"
    return _body(f"a notice on {topic}", one)


def _emission(one: Dict[str, Any]) -> str:
    target, lane = one["target"], one["lane"]
    if not _named(target):
        return f"an emission to the target {target!r:.70}; the name of a target has 1 to 64 letters, digits, - and _"
    if not isinstance(lane, str) or not _LANE.fullmatch(lane):
        return (f"an emission to {target} in the lane {lane!r:.140}; the name of a lane has 1 to 128 letters, digits and signs of ASCII "
                "without spaces and slashes")
    return _body(f"an emission to {target}", one)


def _named(name: Any) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def _body(what: str, one: Dict[str, Any]) -> str:
    size = len(encode(one["body"])) if "body" in one else 0
    return f"{what} has a body of {size} bytes, at most {MAX_BODY}" if size > MAX_BODY else ""
