"""Errors of requests, and exceptions that end a run of a handler."""
from __future__ import annotations

OK = 0
MALFORMED = 400
FORBIDDEN = 403
ABSENT = 404
CONFLICT = 409
TOO_OLD = 410
TOO_LARGE = 413
BUSY = 429
FAULT = 500
NOBODY = 503
UNKNOWN = 504


class Error(Exception):
    """An answer that is no success, told to the terminal as it is: a code and a sentence for whoever sent the request.

    It is an outcome like any other and is recorded where outcomes are. Nothing that the handler wrote takes effect.
    """

    def __init__(self, code: int, message: str) -> None:
        if not isinstance(code, int) or not 400 <= code <= 599:
            raise ValueError(f"the code of an error is 400 to 599, not {code!r:.40}")
        super().__init__(message)
        self.code = code
        self.message = message


class Malformed(Error):
    """The request is malformed (400)."""

    def __init__(self, message: str) -> None:
        super().__init__(MALFORMED, message)


class NotFound(Error):
    """An object that the request names is absent (404)."""

    def __init__(self, message: str) -> None:
        super().__init__(ABSENT, message)


class Conflict(Error):
    """The request conflicts with the current state (409)."""

    def __init__(self, message: str) -> None:
        super().__init__(CONFLICT, message)


class TooLarge(Error):
    """The request or its answer is too large (413)."""

    def __init__(self, message: str) -> None:
        super().__init__(TOO_LARGE, message)


class Misuse(Exception):
    """A mistake of the service, such as a query that writes: the request is answered with 500, and the log has the reason."""


class Interrupt(BaseException):
    """Ends a run of a handler. Not an Exception, so that a handler that catches Exception lets it pass."""


class Moved(Interrupt):
    """A read or required value has changed. Nothing was done; run again."""


class Recorded(Interrupt):
    """The request was already executed. Its recorded answer is the reply."""

    def __init__(self, code: int, message: str, body: bytes, proof: str) -> None:
        super().__init__()
        self.code, self.message, self.body, self.proof = code, message, body, proof


class Away(Interrupt):
    """The updater did not execute the call, but may execute the next one."""


class TermOver(Interrupt):
    """Like Away, but the term of the request has ended: it will never be executed."""


class Doubt(Interrupt):
    """The call may or may not have been executed."""


class Late(Interrupt):
    """The deadline has passed, or the process is stopping."""


class Refused(Interrupt):
    """An answer of the updater that another attempt does not change. A final one is the outcome of the request."""

    def __init__(self, code: int, message: str, final: bool = False) -> None:
        super().__init__()
        self.code, self.message, self.final = code, message, final
