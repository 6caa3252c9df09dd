"""A service: its name and its operations."""
from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from typing import Any, Callable, Dict, List, Optional

from ._errors import NotFound
from ._tx import Tx

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_VERSION = re.compile(r"\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?")

# Takes a transaction and the body of the request, and returns the answer, which becomes JSON.
Handler = Callable[[Tx, Any], Any]


@dataclasses.dataclass(frozen=True)
class Operation:
    """One operation of a service."""

    handler: Handler
    kind: Any  # of the body: a dataclass, or anything for a dict
    read_only: bool
    revision: bool


class Service:
    """One service: its operations are the functions that are marked with operation and query.

        service = hotpair.Service("counter", version="1.0.0")

        @service.operation
        def add(tx: hotpair.Tx, q: dict) -> dict:
            count = (tx.get("count").value or 0) + 1
            tx.put("count", count)
            return {"count": count}

        if __name__ == "__main__":
            service.run()

    A handler takes the body as a dict, or as the dataclass that its second parameter is annotated with: then unknown names and
    wrong types are refused with 400. It may be run several times for one request and at the same time as others, so it must
    have no effect but those of tx.
    """

    def __init__(self, name: str, *, version: str = "0.1.0", description: str = "") -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name of a service; use 1 to 64 letters, digits, - and _")
        if not _VERSION.fullmatch(version):
            raise ValueError(f"{version!r} is not a version like 1.0.0")
        self.name, self.version, self.description = name, version, description
        self.operations: Dict[str, Operation] = {}

    def operation(self, handler: Optional[Handler] = None, *, name: str = "", revision: bool = False) -> Any:
        """Marks a function as an operation, which may write.

        With revision, a successful answer gets a field "revision": the sequence of the update that the request made.
        """
        return self._mark(handler, name, read_only=False, revision=revision)

    def query(self, handler: Optional[Handler] = None, *, name: str = "") -> Any:
        """Marks a function as an operation that only reads. It needs no request id, and its answer is not recorded."""
        return self._mark(handler, name, read_only=True, revision=False)

    def _mark(self, handler: Optional[Handler], name: str, read_only: bool, revision: bool) -> Any:
        def mark(function: Handler) -> Handler:
            called = name or function.__name__
            if not _NAME.fullmatch(called):
                raise ValueError(f"{called!r} is not a name of an operation; use 1 to 64 letters, digits, - and _")
            if called in self.operations:
                raise ValueError(f"{self.name} has two operations {called}")
            self.operations[called] = Operation(function, _body(function), read_only, revision)
            return function

        return mark if handler is None else mark(handler)

    def names(self) -> List[str]:
        return sorted(self.operations)

    def writes(self, operation: str) -> bool:
        """Whether an operation of that name exists and may write."""
        known = self.operations.get(operation)
        return known is not None and not known.read_only

    def unknown(self, operation: str) -> NotFound:
        return NotFound(f'{self.name} has no operation "{operation}", only {", ".join(self.names())}')

    def run(self) -> None:
        """Serves as a process of a host until SIGTERM, then ends the process."""
        from ._run import main

        main(self)


def _body(function: Handler) -> Any:
    """The type of a handler's body parameter."""
    parameters = list(inspect.signature(function).parameters.values())
    if len(parameters) != 2:
        raise TypeError(f"{function.__name__} takes {len(parameters)} parameters; a handler must take the transaction and the body")
    try:
        kind = typing.get_type_hints(function).get(parameters[1].name, dict)
        if dataclasses.is_dataclass(kind):
            typing.get_type_hints(kind)  # or the first request would find out
        return kind
    except NameError as error:
        raise TypeError(f"the annotations of {function.__name__}: {error}; the type of its body must be defined before it, at module level") from None
