"""The NATS protocol: lines, headers and messages."""
from __future__ import annotations

import socket
from typing import List, NamedTuple, Tuple

# What a server says in one line is believed up to this.
LONGEST_LINE = 1 << 16


class Disconnected(Exception):
    """The connection was lost, so that the outcome of requests in flight is unknown."""


class NotSent(Exception):
    """Nothing was sent: there is no connection, or the message is longer than the server accepts."""


class NobodyServes(Exception):
    """Nobody serves the subject, so the request was not executed."""


class Forbidden(Exception):
    """The server refuses this process, or one of its subjects."""


class Message(NamedTuple):
    subject: str
    reply: str
    headers: List[Tuple[str, str]]
    status: str  # of the server, "" from anybody else
    data: bytes


class Reader:
    """Reads lines and payloads from a connection."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._room = memoryview(bytearray(1 << 16))
        self._data = bytearray()
        self._at = 0  # what is before is used

    def _more(self) -> None:
        size = self._socket.recv_into(self._room)
        if not size:
            raise Disconnected("the server has closed the connection")
        if self._at == len(self._data):
            self._data.clear()
            self._at = 0
        self._data += self._room[:size]

    def line(self) -> bytes:
        begin = self._at
        while True:
            end = self._data.find(b"\r\n", begin)
            if end >= 0:
                line = bytes(self._data[self._at:end])
                self._at = end + 2
                self._tidy()
                return line
            if len(self._data) - self._at > LONGEST_LINE:
                raise Disconnected("the server sends a line without end")
            unread = len(self._data) - self._at
            self._more()
            begin = max(self._at, self._at + unread - 1)

    def exactly(self, size: int) -> bytes:
        while len(self._data) - self._at < size:
            self._patiently()
        data = bytes(self._data[self._at:self._at + size])
        self._at += size
        self._tidy()
        return data

    def _patiently(self) -> None:
        """A message that stops for this long in the middle is given up."""
        try:
            self._more()
        except socket.timeout:
            raise Disconnected("a message is incomplete") from None

    def _tidy(self) -> None:
        if self._at > 1 << 18:
            del self._data[:self._at]
            self._at = 0


def subscription(subject: str, group: str, sid: str) -> bytes:
    return f"SUB {subject} {group} {sid}\r\n".encode()


def one_line(value: str) -> str:
    """A value of a header is one line."""
    return " ".join(str(value).splitlines())


def headers_of(data: bytes) -> Tuple[List[Tuple[str, str]], str]:
    first, *lines = data.decode("utf-8", "replace").split("\r\n")
    words = first.split(" ", 2)
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers.append((name, value.strip()))
    return headers, words[1] if len(words) > 1 else ""
