"""The service that sells seats: an example of what a service can do, and the same as package tickets in Go.

    reserve {seat, customer, seconds} → {seat, state, customer, until}   for 600 seconds if none are said; again for longer
    sell    {seat, customer}          → {seat, state, customer}          what is free, or reserved for the customer
    give    {seat, customer}          → {seat, state}                    gives a reservation back
    look    {seat}                    → {seat, state, customer, until, released}
    find    {customer, after}         → {seats, more}                    of the customer, in the order of their names
    account {target}                  → {target}                         accounting is told there from now on; "" tells nobody

A reservation ends by itself: it sets a timer, whose run frees the seat. Selling and giving back take the timer away, in the
update that changes the seat, so no seat that is sold is ever freed. Boards at all terminals are told what is sold and what is
free again, and accounting, once it has a target, of each seat in order, in the update that makes it so. Seats are found by
customer over keys of their own, which are written in the same update. What is stored is what the service in Go stores: either
goes on where the other ended.
"""
from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Dict

import hotpair

MAX_NAME = 64  # of seats and customers, in bytes
RESERVED = 600
LONGEST = 24 * 3600
FOUND = 200  # seats of one answer
TOLD = "accounting"  # the key that has the target

service = hotpair.Service("tickets", version="1.0.0", description="sells and reserves seats")


@dataclass
class Request:
    seat: str = ""
    customer: str = ""


@dataclass
class Reserve:
    seat: str = ""
    customer: str = ""
    seconds: int = 0


@dataclass
class Find:
    customer: str = ""
    after: str = ""


@dataclass
class Account:
    target: str = ""


Seat = Dict[str, Any]


@service.operation
def reserve(tx: hotpair.Tx, q: Reserve) -> Seat:
    if not 0 <= q.seconds <= LONGEST:
        raise hotpair.Malformed(f'field "seconds" must be 1 to {LONGEST}')
    wait = timedelta(seconds=q.seconds or RESERVED)
    seat = _for_customer(tx, q.seat, q.customer)
    if seat["state"] == "sold":
        raise hotpair.Conflict(f"seat {q.seat} is sold")
    until = (datetime.now(timezone.utc) + wait).strftime("%Y-%m-%dT%H:%M:%SZ")
    tx.after(q.seat, wait, "release", {"seat": q.seat, "customer": ""})
    return _keep(tx, seat, "reserved", q.customer, until)


@service.operation
def sell(tx: hotpair.Tx, q: Request) -> Seat:
    seat = _for_customer(tx, q.seat, q.customer)
    if seat["state"] == "sold":
        raise hotpair.Conflict(f"seat {q.seat} is sold")
    tx.cancel(q.seat)
    tx.notify(hotpair.ALL, "sold", {"seat": q.seat, "state": "sold"})
    _tell(tx, event="sold", seat=q.seat, customer=q.customer)
    return _keep(tx, seat, "sold", q.customer)


@service.operation
def give(tx: hotpair.Tx, q: Request) -> Seat:
    seat = _for_customer(tx, q.seat, q.customer)
    if seat["state"] != "reserved":
        raise hotpair.Conflict(f"seat {q.seat} is {seat['state']}, not reserved")
    tx.cancel(q.seat)
    _tell(tx, event="free", seat=q.seat, customer=seat["customer"])
    return _keep(tx, seat, "free")


@service.operation
def release(tx: hotpair.Tx, q: Request) -> Seat:
    """The run of a reservation's timer."""
    if tx.due is None:
        raise hotpair.Malformed("a reservation expires automatically; to end it earlier use give")
    seat = _read(tx, q.seat)
    if seat["state"] != "reserved":
        return seat  # this run was begun twice, and has been done: its commit finds that out
    seat["released"] = seat.get("released", 0) + 1
    tx.notify(hotpair.ALL, "released", {"seat": q.seat, "state": "free", "released": seat["released"]})
    _tell(tx, event="free", seat=q.seat, customer=seat["customer"])
    return _keep(tx, seat, "free")


@service.query
def look(tx: hotpair.Tx, q: Request) -> Seat:
    return _read(tx, q.seat)


@service.query
def find(tx: hotpair.Tx, q: Find) -> Dict[str, Any]:
    _check("customer", q.customer)
    prefix = f"of/{q.customer}/"
    page = tx.scan(prefix, prefix + q.after if q.after else "", FOUND)
    return {"seats": [item.key[len(prefix):] for item in page.items], "more": page.more}


@service.operation
def account(tx: hotpair.Tx, q: Account) -> Dict[str, str]:
    """Sets the target that accounting entries go to. An unknown target refuses the first entry, and nothing is changed."""
    if not q.target:
        tx.delete(TOLD)
    elif not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", q.target):
        raise hotpair.Malformed('field "target" must be the name of a target: hotpair targets list shows them')
    else:
        tx.put(TOLD, q.target.encode())
        _tell(tx, event="begun")
    return {"target": q.target}


def _tell(tx: hotpair.Tx, **entry: str) -> None:
    """Emits an entry to accounting, if a target is set."""
    to = tx.get(TOLD)
    if to.found:
        tx.emit(to.bytes.decode(), _lane(entry.get("seat", "")), entry)


def _lane(seat: str) -> str:
    """The lane of a seat. Names of seats may have characters that lanes may not."""
    if re.fullmatch(r"[!-.0-~]+", seat):
        return seat
    return "~" + base64.urlsafe_b64encode(seat.encode()).decode().rstrip("=")


def _for_customer(tx: hotpair.Tx, name: str, customer: str) -> Seat:
    """Reads a seat, which must be free or the customer's."""
    _check("customer", customer)
    seat = _read(tx, name)
    if seat["state"] != "free" and seat.get("customer") != customer:
        raise hotpair.Conflict(f"seat {name} is {seat['state']}")
    return seat


def _read(tx: hotpair.Tx, name: str) -> Seat:
    _check("seat", name)
    item, _ = tx.get_many("seat/" + name, TOLD)  # who is told is read in the same trip
    return item.value if item.found else {"seat": name, "state": "free"}


def _keep(tx: hotpair.Tx, seat: Seat, state: str, customer: str = "", until: str = "") -> Seat:
    """Writes a seat and its customer's key."""
    name, before = seat["seat"], seat.get("customer", "")
    if before and before != customer:
        tx.delete(f"of/{before}/{name}")
    if customer:
        tx.put(f"of/{customer}/{name}", b"")
    kept = {"seat": name, "state": state, "customer": customer, "until": until, "released": seat.get("released", 0)}
    kept = {field: value for field, value in kept.items() if value}
    tx.put("seat/" + name, kept)
    return kept


def _check(field: str, name: str) -> None:
    """Refuses what can't be part of a key."""
    if not 0 < len(name.encode()) <= MAX_NAME or "/" in name or "\0" in name:
        raise hotpair.Malformed(f'field "{field}" must be a name of 1 to {MAX_NAME} bytes without a slash')


if __name__ == "__main__":
    service.run()
