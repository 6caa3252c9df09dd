"""A service in Python that uses nothing but the standard library: it counts votes.

    request.votes.vote {"for": "a"}  →  {"votes": 1}

It speaks JSON over NATS, of whose text protocol it needs seven words; with a NATS library half of this file is not
needed, and with package hotpair (../python) nearly nothing. What it does is explained in PROTOCOL.md.
"""
import json, os, queue, socket, sys, threading, time
from urllib.parse import urlparse

SERVICE = "votes"


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


requests, database = Bus(os.environ["HOTPAIR_REQUESTS_URL"]), Bus(os.environ["HOTPAIR_DATABASE_URL"])


def call(name, **message):
    """One call to the updater. Repeated as long as it was certainly not executed."""
    for _ in range(500):
        answer = database.request(f"db.{SERVICE}.{name}", json.dumps(message).encode())
        if answer:  # empty: NATS says that nobody serves the subject
            reply = json.loads(answer)
            if reply["code"] not in (429, 503):
                return reply
        time.sleep(0.02)  # the updater is busy, or on its way back
    return {"code": 503, "message": "the database did not answer in time"}


def vote(headers, body):
    """Gives an answer: code with message, or body with proof."""
    try:
        candidate = json.loads(body)["for"]
        candidate.encode()
    except (ValueError, KeyError, TypeError, AttributeError):
        return {"code": 400, "message": 'field "for" is missing'}
    ticket = headers.get("Hotpair-Ticket", "")  # goes with every call
    while True:
        read = call("read", ticket=ticket, keys=[candidate])
        if "recorded" in read:  # it was executed before
            return read["recorded"]
        if read["code"]:
            return read
        item = read["items"][0]
        answer = {"votes": item.get("value", 0) + 1}
        done = call(
            "commit", ticket=ticket,
            conditions=[{"key": candidate, "revision": item["revision"]}],  # as long as nobody else has voted
            operations=[{"key": candidate, "value": answer["votes"]}],      # write this
            answer={"body": answer})                                       # and remember the answer with it
        if "recorded" in done:
            return done["recorded"]
        if done["code"] == 409:
            continue  # somebody was faster
        return {"body": answer, **done}


def serve(subject, reply, headers, body):
    def work():
        try:
            answer = vote(headers, body)
        except queue.Empty:  # a call was sent and not answered
            answer = {"code": 504, "message": "the outcome is unknown; repeat the request with the same id"}
        head, payload = {}, b""
        if answer.get("proof"):
            head["Hotpair-Proof"] = answer["proof"]
        if answer["code"]:
            head |= {"Nats-Service-Error-Code": answer["code"], "Nats-Service-Error": answer.get("message", "")}
        else:
            payload = json.dumps(answer["body"], separators=(",", ":")).encode()
        requests.publish(reply, payload, head)
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


database.subscribe(database.inbox + ".*", database.answered)
threading.Thread(target=database.run).start()
requests.subscribe(f"business.{SERVICE}.vote", serve)
requests.subscribe(f"$SRV.INFO.{SERVICE}", info)
requests.subscribe("$SRV.INFO", info)
requests.subscribe(f"$SRV.PING.{SERVICE}", ping)  # last: who gets an answer to a ping may send requests
requests.run()
