"""A minimal NATS client: requests, subscriptions, and a connection that reconnects."""
from __future__ import annotations

import json
import logging
import socket
import threading
import time
from typing import Callable, Dict, List, Optional, Set, Tuple
from urllib.parse import urlsplit

from ._wire import Disconnected, Forbidden, Message, NobodyServes, NotSent, Reader, headers_of, one_line, subscription

log = logging.getLogger("hotpair")

HANDSHAKE_WITHIN = 2.0
# Who waits for a process that was just started again waits for every request; one that is gone for longer is tried less.
SOON, OFTEN, SELDOM = 0.01, 200, 0.5
PING_EVERY, PINGS_OUT = 10.0, 2
# What the server does not read is kept up to this, in bytes.
MAX_UNSENT = 64 << 20


Handler = Callable[[Message], None]


class _Call:
    """A request in flight."""

    __slots__ = ("done", "message", "late")

    def __init__(self) -> None:
        self.done = threading.Lock()
        self.done.acquire()
        self.message: Optional[Message] = None
        self.late = False  # it is not waited for any longer


class Connection:
    """A connection to one server. One thread calls all handlers, so a handler must not block."""

    def __init__(self, url: str, user: str, password: str, inbox: str, name: str, *, once: bool = False,
                 complaint: Optional[Callable[[Exception], None]] = None) -> None:
        parts = urlsplit(url)
        if parts.scheme != "nats" or not parts.hostname or not parts.port:
            raise ValueError(f"{url!r} is not an address like nats://127.0.0.1:4222")
        self._address = (parts.hostname, parts.port)
        self._login = {"user": user, "pass": password, "name": name}
        self._inbox, self._once = inbox, once
        self._complaint = complaint or (lambda error: log.warning("the bus: %s", error))
        self._lock = threading.Lock()  # around what is below
        self._changed = threading.Condition(self._lock)
        self._socket: Optional[socket.socket] = None  # while there is a connection
        self._lives = 0  # connections that there were
        self._closed = False
        self._calling = True
        self._subscriptions: Dict[str, Tuple[str, str, Handler]] = {}
        self._left: Set[str] = set()  # of the subscriptions, those that are over
        self._calls: Dict[str, _Call] = {}
        self._number = 0
        self._longest = 1 << 20
        self._pongs: List[_Call] = []
        self._out: List[bytes] = []  # in line to be written
        self._unsent = 0  # bytes of it, and of what is being written
        self._pushing = False
        self.ended = threading.Event()  # there will be no connection any more

    # Connecting.

    def connect(self, stop: threading.Event) -> bool:
        """Connects as soon as the server listens, then reads. Returns False if stop was set meanwhile; raises Forbidden if refused."""
        failed = 0
        while not stop.is_set():
            try:
                opened = self._open()
            except (OSError, Disconnected, ValueError, LookupError, TypeError, AttributeError) as error:
                log.debug("%s:%s: %s", *self._address, error)
                failed += 1
                stop.wait(SOON if failed < OFTEN else SELDOM)
                continue
            threading.Thread(target=self._run, args=(opened,), name="hotpair-" + self._login["name"], daemon=True).start()
            return True
        return False

    def _open(self) -> "Reader":
        """Dials, logs in and subscribes."""
        sock = socket.create_connection(self._address, timeout=HANDSHAKE_WITHIN)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader = Reader(sock)
            line = reader.line()
            if not line.startswith(b"INFO "):
                raise Disconnected(f"unexpected greeting of the server: {line[:40]!r}")
            info = json.loads(line[5:])
            connect = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True, "protocol": 1, "lang": "python-hotpair",
                       "version": "1", **self._login}
            sock.sendall(b"CONNECT " + json.dumps(connect).encode() + b"\r\nPING\r\n")
            while True:
                line = reader.line()
                if line == b"PONG":
                    break
                if line.startswith(b"-ERR"):
                    if b"Authorization" in line or b"Authentication" in line:
                        text = line[5:].decode("utf-8", "replace")
                        raise Forbidden(f"the server at {self._address[0]}:{self._address[1]} refuses this process: {text}")
                    raise Disconnected(line.decode("utf-8", "replace"))
            sock.settimeout(PING_EVERY)
            with self._lock:
                if self._closed:
                    raise Disconnected("closed")
                self._longest = int(info.get("max_payload", self._longest))
                for sid, (subject, group, _) in self._subscriptions.items():
                    if sid not in self._left:
                        sock.sendall(subscription(subject, group, sid))
                self._socket = sock
                self._lives += 1
                self._changed.notify_all()
            return reader
        except BaseException:
            sock.close()
            raise

    def _run(self, reader: "Reader") -> None:
        """Delivers messages; reconnects when the connection is lost, unless it was made for one attempt only."""
        while True:
            try:
                self._read(reader)
            except Exception as error:  # what the server sends can't be understood, or nothing comes any more
                log.debug("%s:%s: %s", *self._address, error)
            self._drop()
            failed = 0
            while not self._closed and not self._once:
                try:
                    reader = self._open()
                    break
                except Exception as error:  # one that was let in before is again, when the other process has its list
                    log.debug("%s:%s: %s", *self._address, error)
                    failed += 1
                    time.sleep(SOON if failed < OFTEN else SELDOM)
            else:
                self.ended.set()
                return

    def _drop(self) -> None:
        """Ends the requests in flight: they get no answer."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
            self._socket = None
            self._out.clear()
            self._unsent = 0
            calls, self._calls = list(self._calls.values()), {}
            calls += self._pongs
            self._pongs = []
        for call in calls:
            call.done.release()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._socket is not None:
                _shutdown(self._socket)

    def lives(self) -> Tuple[int, bool]:
        """The number of connections made, and whether one is up."""
        with self._lock:
            return self._lives, self._socket is not None

    def wait(self, lives: int, timeout: float) -> bool:
        """Waits until a later connection is up."""
        with self._changed:
            return self._changed.wait_for(lambda: self._lives != lives, timeout)

    # Reading.

    def _read(self, reader: "Reader") -> None:
        out = 0
        while True:
            try:
                line = reader.line()
            except socket.timeout:
                if out >= PINGS_OUT:
                    raise Disconnected("the server does not answer") from None
                out += 1
                self._write(b"PING\r\n")
                continue
            out = 0
            if line.startswith(b"MSG ") or line.startswith(b"HMSG "):
                self._message(reader, line)
            elif line == b"PING":
                self._write(b"PONG\r\n")
            elif line == b"PONG":
                with self._lock:
                    call = self._pongs.pop(0) if self._pongs else None
                if call is not None:
                    call.message = Message("", "", [], "", b"")
                    call.done.release()
            elif line.startswith(b"-ERR"):
                text = line[5:].decode("utf-8", "replace")
                self._complaint(Forbidden(text) if "Permissions Violation" in text else Disconnected(text))

    def _message(self, reader: "Reader", line: bytes) -> None:
        word, *parts = line.decode().split()
        header = int(parts[-2]) if word == "HMSG" else 0
        sizes = 2 if word == "HMSG" else 1
        data = reader.exactly(int(parts[-1]) + 2)[:-2]
        headers, status = headers_of(data[:header]) if header else ([], "")
        message = Message(parts[0], parts[2] if len(parts) == 3 + sizes else "", headers, status, data[header:])
        call = self._calls.pop(message.subject, None)
        if call is not None:
            call.message = message
            call.done.release()
            return
        subscription = self._subscriptions.get(parts[1])
        if subscription is not None:
            try:
                subscription[2](message)
            except Exception:  # one message must not end the connection of all
                log.exception("a message on %s could not be handled", message.subject)

    # Writing.

    def _write(self, data: bytes) -> None:
        with self._lock:
            self._put(data)
        self._push()

    def _put(self, data: bytes) -> None:
        """Queues data for writing. The caller holds the lock and calls _push afterwards."""
        if self._socket is None:
            raise NotSent("there is no connection")
        if self._unsent + len(data) > MAX_UNSENT:
            raise NotSent("the server does not read")
        self._out.append(data)
        self._unsent += len(data)

    def _push(self) -> None:
        """Writes what is in line, unless another thread does: then that one goes on with it.

        So threads that write at the same time share a system call, at each of which Python would give way to another one.
        What could not be written is lost with the connection, as what was written and not read.
        """
        while True:
            with self._lock:
                if self._pushing or not self._out or self._socket is None:
                    return
                self._pushing = True
                sock, data = self._socket, b"".join(self._out)
                self._out.clear()
            try:
                sock.sendall(data)
            except OSError:
                # What is written in part is no message, and ends the connection.
                _shutdown(sock)
            finally:
                with self._lock:
                    self._pushing = False
                    self._unsent = max(self._unsent - len(data), 0)

    def subscribe(self, subject: str, handler: Handler, group: str = "") -> str:
        with self._lock:
            self._number += 1
            sid = str(self._number)
            self._subscriptions[sid] = (subject, group, handler)
            if self._socket is not None:
                self._put(subscription(subject, group, sid))
        self._push()
        return sid

    def unsubscribe(self, sid: str) -> None:
        """Unsubscribes. Messages in flight are still delivered; after a flush there are none."""
        with self._lock:
            self._left.add(sid)
            if self._socket is not None:
                self._put(b"UNSUB " + sid.encode() + b"\r\n")
        self._push()

    def open_inbox(self) -> None:
        """Receives the answers to requests."""
        self.subscribe(self._inbox + ".*", lambda message: None)  # whoever asked has gone

    def publish(self, subject: str, data: bytes, headers: Optional[Dict[str, str]] = None, reply: str = "") -> None:
        """Sends a message; raises NotSent if it can't. Delivery is not confirmed."""
        self._write(self._encode(subject, data, headers, reply))

    def _encode(self, subject: str, data: bytes, headers: Optional[Dict[str, str]], reply: str) -> bytes:
        head = b""
        if headers:
            lines = "".join(f"{name}: {one_line(value)}\r\n" for name, value in headers.items())
            head = ("NATS/1.0\r\n" + lines + "\r\n").encode("utf-8", "replace")
        if len(head) + len(data) > self._longest:
            raise NotSent(f"a message of {len(head) + len(data)} bytes, the server accepts {self._longest}")
        if head:
            return b"HPUB %s %s %d %d\r\n%s%s\r\n" % (subject.encode(), reply.encode(), len(head), len(head) + len(data), head, data)
        return b"PUB %s %s %d\r\n%s\r\n" % (subject.encode(), reply.encode(), len(data), data)

    def end_calls(self) -> None:
        """Ends the requests in flight as if they had timed out, and refuses new ones."""
        with self._lock:
            self._calling = False
        for reply in list(self._calls):
            call = self._calls.pop(reply, None)
            if call is not None:  # it is answered at the same moment
                call.late = True
                call.done.release()

    def request(self, subject: str, data: bytes, timeout: float) -> bytes:
        """Sends a request and returns its answer. NotSent, NobodyServes: not executed. Disconnected, TimeoutError: unknown."""
        call = _Call()
        with self._lock:
            if not self._calling:
                raise NotSent("the process is stopping")
            self._number += 1
            reply = f"{self._inbox}.{self._number}"
            message = self._encode(subject, data, None, reply)
            self._put(message)
            self._calls[reply] = call
        self._push()
        if not call.done.acquire(timeout=max(timeout, 0.0)):
            self._calls.pop(reply, None)
            raise TimeoutError()
        if call.late:
            raise TimeoutError()
        if call.message is None:
            raise Disconnected("the connection was lost")
        if call.message.status == "503" and not call.message.data:
            raise NobodyServes(subject)
        return call.message.data

    def flush(self, timeout: float) -> None:
        """Returns when the server has received everything sent. Otherwise raises TimeoutError, NotSent or Disconnected."""
        call = _Call()
        with self._lock:
            self._put(b"PING\r\n")
            self._pongs.append(call)
        self._push()
        if not call.done.acquire(timeout=timeout):
            raise TimeoutError("the server does not answer")
        if call.message is None:
            raise Disconnected("the connection was lost")


def _shutdown(sock: socket.socket) -> None:
    """Ends a connection and wakes its reader."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it was lost at the same moment
