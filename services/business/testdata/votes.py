"""A business process in Python that uses nothing but the standard library: it counts votes.

    request.votes.vote {"for": "a"}  →  {"votes": 1}

It speaks two small languages: the text protocol of NATS, of which it needs seven words, and CBOR, of which it needs
maps, lists, byte and text strings, integers and booleans. With a NATS and a CBOR library half of this file is not needed. What
it does is explained in PROTOCOL.md.
"""
import json, os, queue, socket, sys, threading, time
from urllib.parse import urlparse

SERVICE = "votes"


# --- CBOR ---------------------------------------------------------------------------------------------------------

def encode(value):
    def head(major, n):
        if n < 24:
            return bytes([major << 5 | n])
        for size, code in ((1, 24), (2, 25), (4, 26), (8, 27)):
            if n < 1 << (8 * size):
                return bytes([major << 5 | code]) + n.to_bytes(size, "big")
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encode, value))
    return head(5, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())


def decode(data, at=0):
    """The value at a place, and the place after it."""
    major, low = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        return {20: False, 21: True, 22: None}[low], at
    if low >= 24:
        size = 1 << (low - 24)
        low, at = int.from_bytes(data[at:at + size], "big"), at + size
    if major == 0:
        return low, at
    if major in (2, 3):
        value = data[at:at + low]
        return (value if major == 2 else value.decode()), at + low
    if major == 4:
        items = []
        for _ in range(low):
            item, at = decode(data, at)
            items.append(item)
        return items, at
    table = {}
    for _ in range(low):
        key, at = decode(data, at)
        table[key], at = decode(data, at)
    return table, at


# --- NATS ---------------------------------------------------------------------------------------------------------

class Bus:
    """A connection to one of the two servers that the process needs: where requests come from, and where the database is."""

    def __init__(self, url):
        url = urlparse(url)
        self.inbox = os.environ["HOTPAIR_BUS_INBOX"]
        self.socket = self.reach(url)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lines = self.socket.makefile("rb")
        self.lock = threading.Lock()
        self.handlers, self.waiting, self.number = {}, {}, 0
        self.lines.readline()  # INFO
        self.send("CONNECT " + json.dumps({
            "user": os.environ["HOTPAIR_BUS_USER"], "pass": os.environ["HOTPAIR_BUS_PASSWORD"],
            "verbose": False, "pedantic": False, "headers": True, "no_responders": True,
            "lang": "python", "version": "0", "protocol": 1, "name": SERVICE}))

    def reach(self, url):
        """Who listens there may be started at this moment."""
        while True:
            try:
                return socket.create_connection((url.hostname, url.port))
            except ConnectionRefusedError:
                time.sleep(0.02)

    def send(self, line, payload=None):
        data = line.encode() + b"\r\n" + (b"" if payload is None else payload + b"\r\n")
        with self.lock:
            self.socket.sendall(data)

    def subscribe(self, subject, handler):
        sid = str(len(self.handlers) + 1)
        self.handlers[sid] = handler
        self.send(f"SUB {subject} {sid}")

    def publish(self, subject, payload, headers=None, reply=""):
        if not headers:
            return self.send(f"PUB {subject} {reply} {len(payload)}", payload)
        head = "NATS/1.0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
        head = head.encode()
        self.send(f"HPUB {subject} {reply} {len(head)} {len(head) + len(payload)}", head + payload)

    def open_inbox(self):
        self.subscribe(self.inbox + ".*", self.answered)

    def request(self, subject, payload):
        with self.lock:
            self.number += 1
            reply = f"{self.inbox}.{self.number}"
            answer = self.waiting[reply] = queue.SimpleQueue()
        self.publish(subject, payload, reply=reply)
        return answer.get(timeout=10)

    def answered(self, subject, reply, headers, payload):
        self.waiting.pop(subject).put(payload)

    def run(self):
        """Hands out messages until the connection closes, and ends the process with it: main starts it again."""
        while line := self.lines.readline():
            word, *rest = line.decode().split()
            if word == "PING":
                self.send("PONG")
            elif word in ("MSG", "HMSG"):
                total, head = int(rest[-1]), int(rest[-2]) if word == "HMSG" else 0
                reply = rest[2] if len(rest) == (5 if word == "HMSG" else 4) else ""
                data = self.lines.read(total + 2)[:total]
                headers = dict(l.split(": ", 1) for l in data[:head].decode().split("\r\n")[1:] if ": " in l)
                self.handlers[rest[1]](rest[0], reply, headers, data[head:])
            elif word == "-ERR":
                sys.stderr.write("the bus refuses: " + line.decode())
                os._exit(1)
        os._exit(0)


# --- the business process -------------------------------------------------------------------------------------------

requests, database = Bus(os.environ["HOTPAIR_REQUESTS_URL"]), Bus(os.environ["HOTPAIR_DATABASE_URL"])


def call(name, message):
    """One call to the updater: a version byte, then CBOR. Repeated as long as it was certainly not executed."""
    for _ in range(500):
        answer = database.request(f"db.{SERVICE}.{name}", b"\x01" + encode(message))
        if answer:  # empty: NATS says that nobody serves the subject
            assert answer[0] == 1, "another version"
            reply = decode(answer, 1)[0]
            if reply.get(1, 0) not in (429, 503):
                return reply
        time.sleep(0.02)  # the updater is busy, or on its way back
    return {1: 503, 2: "the database did not answer in time"}


def vote(headers, body):
    """Gives code, sentence or body, proof."""
    try:
        candidate = json.loads(body)["for"].encode()
    except (ValueError, KeyError, TypeError, AttributeError):
        return 400, 'field "for" is missing', None
    ticket = headers.get("Hotpair-Ticket", "")  # goes with every call
    while True:
        read = call("read", {1: ticket, 2: [candidate]})
        if 6 in read:  # recorded: it was executed before
            return recorded(read[6])
        if read.get(1, 0):
            return read[1], read.get(2, ""), None
        item = read[4][0]
        votes = int(item.get(2) or 0) + 1
        answer = json.dumps({"votes": votes}).encode()
        done = call("commit", {
            1: ticket,
            5: [{1: candidate, 2: item.get(3, 0)}],       # as long as nobody else has voted
            6: [{1: candidate, 2: str(votes).encode()}],  # write this
            7: {3: answer}})                              # and remember the answer with it
        if 6 in done:
            return recorded(done[6])
        if done.get(1, 0) == 409:
            continue  # somebody was faster
        if done.get(1, 0):
            return done[1], done.get(2, ""), None
        return 0, answer, done.get(8)


def recorded(reply):
    code = reply.get(1, 0)
    return code, reply.get(2, "") if code else reply.get(3, b""), reply.get(6)


def serve(subject, reply, headers, body):
    def work():
        try:
            code, result, proof = vote(headers, body)
        except queue.Empty:  # a call was sent and not answered
            code, result, proof = 504, "the outcome is unknown; repeat the request with the same id", None
        head = {}
        if proof:
            head["Hotpair-Proof"] = proof
        if code:
            head |= {"Nats-Service-Error-Code": code, "Nats-Service-Error": result}
            result = b""
        requests.publish(reply, result, head)
    threading.Thread(target=work).start()  # the reader must stay free for answers of the updater


def ping(subject, reply, headers, body):
    requests.publish(reply, json.dumps({
        "type": "io.nats.micro.v1.ping_response", "name": SERVICE, "id": str(os.getpid()), "version": "0.1.0",
        "metadata": {}}).encode())


def info(subject, reply, headers, body):
    requests.publish(reply, json.dumps({
        "type": "io.nats.micro.v1.info_response", "name": SERVICE, "id": str(os.getpid()), "version": "0.1.0",
        "metadata": {}, "description": "counts votes", "endpoints": [
            {"name": "vote", "subject": f"business.{SERVICE}.vote", "queue_group": "q", "metadata": {}}]}).encode())


database.open_inbox()
threading.Thread(target=database.run).start()
requests.subscribe(f"business.{SERVICE}.vote", serve)
requests.subscribe(f"$SRV.INFO.{SERVICE}", info)
requests.subscribe("$SRV.INFO", info)
requests.subscribe(f"$SRV.PING.{SERVICE}", ping)  # last: who gets an answer to a ping may send requests
requests.run()
