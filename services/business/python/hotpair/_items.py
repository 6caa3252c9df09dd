"""What transactions give and take."""
from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, List, NamedTuple


class Item:
    """A key with what it holds. Revision is the sequence of the update that last wrote it, 0 when that is none."""

    __slots__ = ("key", "bytes", "revision", "found")

    def __init__(self, key: str, data: bytes, revision: int, found: bool) -> None:
        self.key, self.bytes, self.revision, self.found = key, data, revision, found

    @property
    def value(self) -> Any:
        """What it holds as JSON, None when the key is absent or empty. ValueError if it is no JSON."""
        return json.loads(self.bytes) if self.bytes else None

    def __repr__(self) -> str:
        return f"Item({self.key!r}, {self.bytes!r}, revision={self.revision}, found={self.found})"


class Page(NamedTuple):
    """What a scan gave; more says that the range goes on."""

    items: List[Item]
    more: bool


class Due(NamedTuple):
    """Which timer a run is of: its key, when it was due, and by how much it is late."""

    key: str
    at: datetime
    late: timedelta


class All:
    """All terminals of the pair, also those that are not attached now."""

    def __repr__(self) -> str:
        return "hotpair.ALL"


ALL = All()


class Fired(NamedTuple):
    """A timer as a request brings it."""

    key: str
    revision: int
    at_ns: int
    late_ns: int


class Range:
    """What was scanned: all keys with a prefix, after one and through another."""

    __slots__ = ("prefix", "after", "through", "keys")

    def __init__(self, prefix: str, after: str, through: str, keys: int) -> None:
        self.prefix, self.after, self.through, self.keys = prefix, after, through, keys
