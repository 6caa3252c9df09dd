"""A service that counts. Start here: give it your name, and your operations."""
from __future__ import annotations

from dataclasses import dataclass

import hotpair

service = hotpair.Service("counter", version="0.1.0", description="counts by name")


@dataclass
class Add:
    name: str
    by: int = 1


@dataclass
class Look:
    name: str


@service.operation
def add(tx: hotpair.Tx, q: Add) -> dict:
    if q.by <= 0:
        raise hotpair.Malformed('field "by" must be 1 or more')
    count = (tx.get(q.name).value or 0) + q.by
    tx.put(q.name, count)
    return {"count": count}


@service.query
def look(tx: hotpair.Tx, q: Look) -> dict:
    item = tx.get(q.name)
    if not item.found:
        raise hotpair.NotFound(f"nothing was counted for {q.name}")
    return {"count": item.value}


if __name__ == "__main__":
    service.run()
