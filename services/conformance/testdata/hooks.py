"""A cloakroom: the ticket for a hook is drawn by lot, so nobody knows it before it is answered."""
import pathlib
import secrets
import sys
from dataclasses import dataclass

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "business" / "python"))
import hotpair  # noqa: E402

service = hotpair.Service("hooks", version="1.0.0")


@dataclass
class HandIn:
    guest: str


@dataclass
class PickUp:
    hook: int
    ticket: str


@service.operation
def hand_in(tx: hotpair.Tx, q: HandIn) -> dict:
    hook = (tx.get("last").value or 0) + 1
    ticket = secrets.token_hex(8)
    tx.put("last", hook)
    tx.put(f"hook/{hook}", {"guest": q.guest, "ticket": ticket})
    tx.after(f"hook/{hook}", 12 * 3600, "forget", {"hook": hook, "ticket": ticket})
    return {"hook": hook, "ticket": ticket}


@service.operation
def pick_up(tx: hotpair.Tx, q: PickUp) -> dict:
    held = tx.get(f"hook/{q.hook}").value
    if not held or held["ticket"] != q.ticket:
        raise hotpair.Conflict("that is not its ticket")
    tx.delete(f"hook/{q.hook}")
    tx.cancel(f"hook/{q.hook}")
    return {"guest": held["guest"]}


@service.operation
def forget(tx: hotpair.Tx, q: PickUp) -> dict:
    held = tx.get(f"hook/{q.hook}").value
    tx.put(f"hook/{q.hook}", {**held, "forgotten": True})
    tx.notify(["t2"], "forgotten", {"hook": q.hook, "guest": held["guest"]})
    return {}


@service.query
def who(tx: hotpair.Tx, q: dict) -> dict:
    return {item.key: item.value["guest"] for item in tx.scan("hook/").items}


if __name__ == "__main__":
    service.run()
