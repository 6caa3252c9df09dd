"""JSON in and out, and keys that are text."""
from __future__ import annotations

import base64
import dataclasses
import json
import math
import typing
from typing import Any, Dict, Iterable, List, Tuple

from ._errors import Malformed, Misuse

# Answers above this are refused: the bus could not carry them.
MAX_ANSWER = 4 << 20
# How long a way into a value is told.
_LONGEST_WAY = 200


def encode(value: Any) -> bytes:
    """Encodes JSON like all runtimes: no space between the parts, characters unescaped. Raises Misuse if it can't."""
    try:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = dataclasses.asdict(value)
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Misuse(f"{_culprit(value)} can't be written as JSON: {error}") from None


def _culprit(value: Any, where: str = "") -> str:
    """The part of a value that is not JSON, with its path."""
    parts: Iterable[Tuple[Any, Any]] = ()
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, (list, tuple)):
        parts = enumerate(value)
    if len(where) < _LONGEST_WAY:
        for name, part in parts:
            try:
                json.dumps(part, allow_nan=False)
            except (TypeError, ValueError, RecursionError):
                return _culprit(part, where + f"[{name!r:.40}]")
    return type(value).__name__ + (f" at {where}" if where else "")


def clean(text: str) -> str:
    """A text as valid UTF-8: a lone surrogate becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def answer_body(answer: Any) -> bytes:
    """The body of an answer; None becomes {}."""
    return b"{}" if answer is None else encode(answer)


def with_revision(body: bytes, revision: int) -> bytes:
    """Appends the field "revision" to an object. Other values stay unchanged."""
    inner = (body.strip() or b"{}")
    if inner[:1] != b"{" or inner[-1:] != b"}":
        return body
    inner = inner[1:-1].strip()
    return b"{" + inner + (b"," if inner else b"") + b'"revision":%d}' % revision


def decode_request(body: bytes, kind: Any) -> Any:
    """Reads the body of a request for a handler: as a dict, or as the dataclass that it takes. Malformed says what to fix."""
    try:
        value = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the body: no JSON, or too deep: {error}") from None
    if not isinstance(value, dict):
        raise Malformed(f"the body: it can't be a JSON {_called(value)}; it is an object")
    try:
        if not dataclasses.is_dataclass(kind):
            return _sane(value, "the JSON")
        return _read(value, kind, "the JSON")
    except _Wrong as error:
        raise Malformed(f"the body: {error}") from None
    except RecursionError:
        raise Malformed("the body: it is too deep") from None


class _Wrong(Exception):
    pass


_hints: Dict[Any, Dict[str, Any]] = {}


def _sane(value: Any, where: str) -> Any:
    """Refuses numbers anywhere in a value that the other runtimes can't read."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _Wrong(f"{where} is {value}, which is no number of JSON, or too large for one; give it as a text")
    elif isinstance(value, int):
        if not -1 << 63 <= value < 1 << 63:
            raise _Wrong(f"{where} is a whole number beyond 64 bits; it is {-1 << 63} to {(1 << 63) - 1}, and one that is larger is given as a text")
    elif isinstance(value, list):
        for one in value:
            _sane(one, "an element of " + where.replace("an element of ", ""))
    elif isinstance(value, dict):
        for name, one in value.items():
            _sane(one, _field(name))
    return value


def _field(name: str) -> str:
    return "field " + json.dumps(name, ensure_ascii=False)[:70]


def _read(value: Any, kind: Any, where: str) -> Any:
    """Reads a value strictly as a type: str, int, float, bool, dict, list, Optional, List, Dict, a dataclass, or Any."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return _sane(value, where)
    if type(None) in inside:
        if value is None:
            return None
        rest = [k for k in inside if k is not type(None)]
        return _read(value, rest[0], where) if len(rest) == 1 else _sane(value, where)
    if value is None:
        raise _Wrong(f"{where} is null; it is {_words(kind)}: give its value, or leave it out where it may be left out")
    if dataclasses.is_dataclass(kind):
        if isinstance(value, dict):
            return _fields(value, kind)
    elif origin in (list, List) or kind is list:
        if isinstance(value, list):
            return [_read(v, inside[0], "an element of " + where) for v in value] if inside else _sane(value, where)
    elif origin in (dict, Dict) or kind is dict:
        if isinstance(value, dict):
            return {k: _read(v, inside[1], _field(k)) for k, v in value.items()} if inside else _sane(value, where)
    elif kind is float:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            try:
                return _sane(float(value), where)
            except OverflowError:
                raise _Wrong(f"{where} is too large for a number; give it as a text") from None
    elif type(value) is kind:
        return _sane(value, where)
    raise _Wrong(f"{where} can't be a JSON {_called(value)}; it is {_words(kind)}")


def _fields(value: Dict[str, Any], kind: Any) -> Any:
    if kind not in _hints:
        _hints[kind] = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind) if f.init}
    for name in value:
        if name not in fields:
            raise _Wrong(f"there is no field {json.dumps(name, ensure_ascii=False)[:70]}; there are {', '.join(fields)}")
    for name, field in fields.items():
        if name not in value and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise _Wrong(f'field "{name}" is missing; it is {_words(_hints[kind][name])}')
    return kind(**{name: _read(v, _hints[kind][name], f'field "{name}"') for name, v in value.items()})


def _called(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return {str: "string", list: "array", dict: "object", type(None): "null"}.get(type(value), "value")


def _words(kind: Any) -> str:
    if dataclasses.is_dataclass(kind) or typing.get_origin(kind) is dict:
        return "an object"
    if typing.get_origin(kind) is list:
        return "a list"
    return {str: "a text",
            int: "a whole number (int)", float: "a number", bool: "true or false", list: "a list", dict: "an object"}.get(kind, "a value")


# Keys are texts here. One that is no UTF-8 has its bytes as Python has those of such file names.


def key_bytes(key: str) -> bytes:
    try:
        return key.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise Misuse(f"{key!r} has a lone surrogate and can't be a key") from None


def key_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def put_text(message: Dict[str, Any], name: str, key: str) -> Dict[str, Any]:
    """Sets a field of a call, as text or in base64."""
    if key:
        try:
            key.encode()
            message[name] = key
        except UnicodeEncodeError:
            message[name + "_base64"] = coded(key_bytes(key))
    return message


def put_texts(message: Dict[str, Any], name: str, keys: List[str]) -> Dict[str, Any]:
    try:
        for key in keys:
            key.encode()
        message[name] = keys
    except UnicodeEncodeError:
        message[name + "_base64"] = [coded(key_bytes(key)) for key in keys]
    return message


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def decoded(message: Dict[str, Any], name: str) -> bytes:
    """A base64 field of a reply."""
    return base64.b64decode(message.get(name + "_base64", ""), validate=True)


def position(reply: Dict[str, Any]) -> Tuple[int, int]:
    """Epoch and sequence of a reply, (0, 0) if it has none."""
    at = reply.get("position") or {}
    return int(at.get("epoch", 0)), int(at.get("sequence", 0))
