"""Types of the transaction's parameters and results."""
from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, List, NamedTuple


class Item:
    """A key with its value. Revision is the sequence of the update that last wrote it, 0 if the key is absent."""

    __slots__ = ("key", "bytes", "revision", "found")

    def __init__(self, key: str, data: bytes, revision: int, found: bool) -> None:
        self.key, self.bytes, self.revision, self.found = key, data, revision, found

    @property
    def value(self) -> Any:
        """The value as JSON, None if the key is absent or empty. Raises ValueError if it is not JSON."""
        return json.loads(self.bytes) if self.bytes else None

    def __repr__(self) -> str:
        return f"Item({self.key!r}, {self.bytes!r}, revision={self.revision}, found={self.found})"


class Page(NamedTuple):
    """The result of a scan; more says that the range has further items."""

    items: List[Item]
    more: bool


class Due(NamedTuple):
    """The timer of a run: its key, when it was due, and how late it is."""

    key: str
    at: datetime
    late: timedelta


class All:
    """All terminals of the pair, including those that are not attached now."""

    def __repr__(self) -> str:
        return "hotpair.ALL"


ALL = All()


class Fired(NamedTuple):
    """A timer as a request carries it."""

    key: str
    revision: int
    at_ns: int
    late_ns: int


class Range:
    """A scanned range: the keys with a prefix, after one key through another."""

    __slots__ = ("prefix", "after", "through", "keys")

    def __init__(self, prefix: str, after: str, through: str, keys: int) -> None:
        self.prefix, self.after, self.through, self.keys = prefix, after, through, keys
