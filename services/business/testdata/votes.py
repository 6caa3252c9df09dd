"""A service in Python that uses nothing but the standard library: it counts votes.

    request.votes.vote {"for": "a"}  →  {"votes": 1}

It speaks JSON over NATS, of whose text protocol it needs seven words; with a NATS library half of this file is not
needed, and with package hotpair (../python) nearly nothing. What it does is explained in PROTOCOL.md.
"""
import json, os, queue, random, socket, sys, threading, time
from urllib.parse import urlparse

SERVICE = "votes"


class Bus:
    """A connection to one of the two servers that the process needs: where requests come from, and where the database is."""

    def __init__(self, url):
        self.url, self.inbox = urlparse(url), os.environ["HOTPAIR_BUS_INBOX"]
        self.socket, self.lock = None, threading.RLock()
        self.subjects, self.waiting, self.number = [], {}, 0  # sids are places in subjects

    def connect(self):
        """Who listens there may be started at this moment, or again."""
        while True:
            try:
                fresh = socket.create_connection((self.url.hostname, self.url.port))
                break
            except OSError:
                time.sleep(0.02)
        fresh.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.lines = fresh.makefile("rb")
        self.lines.readline()  # INFO
        with self.lock:  # nobody else says anything before this
            self.socket = fresh
            self.send("CONNECT " + json.dumps({
                "user": os.environ["HOTPAIR_BUS_USER"], "pass": os.environ["HOTPAIR_BUS_PASSWORD"],
                "verbose": False, "pedantic": False, "headers": True, "no_responders": True,
                "lang": "python", "version": "0", "protocol": 1, "name": SERVICE}))
            for sid, (subject, _) in enumerate(self.subjects):
                self.send(f"SUB {subject} {sid}")

    def send(self, line, payload=None):
        data = line.encode() + b"\r\n" + (b"" if payload is None else payload + b"\r\n")
        with self.lock:
            if self.socket is None:
                raise OSError("no connection")
            self.socket.sendall(data)

    def publish(self, subject, payload, headers=None, reply=""):
        if not headers:
            return self.send(f"PUB {subject} {reply} {len(payload)}", payload)
        head = "NATS/1.0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
        head = head.encode()
        self.send(f"HPUB {subject} {reply} {len(head)} {len(head) + len(payload)}", head + payload)

    def request(self, subject, payload, until):
        with self.lock:
            self.number += 1
            reply = f"{self.inbox}.{self.number}"
            answer = self.waiting[reply] = queue.SimpleQueue()
        try:
            self.publish(subject, payload, reply=reply)
            return answer.get(timeout=max(until - time.monotonic(), 0.001))
        finally:
            self.waiting.pop(reply, None)

    def answered(self, subject, reply, headers, payload):
        if answer := self.waiting.get(subject):
            answer.put(payload)

    def run(self):
        """Hands out messages; when the connection is lost, what waits for an answer gets none, and there is another one soon."""
        while True:
            try:
                self.connect()
                self.read()
            except OSError:
                pass
            with self.lock:  # from now on nothing is said into the old one, of which no answer would come
                self.socket = None
                for answer in list(self.waiting.values()):
                    answer.put(None)

    def read(self):
        while line := self.lines.readline():
            word, *rest = line.decode().split()
            if word == "PING":
                self.send("PONG")
            elif word in ("MSG", "HMSG"):
                total, head = int(rest[-1]), int(rest[-2]) if word == "HMSG" else 0
                reply = rest[2] if len(rest) == (5 if word == "HMSG" else 4) else ""
                data = self.lines.read(total + 2)[:total]
                headers = dict(l.split(": ", 1) for l in data[:head].decode().split("\r\n")[1:] if ": " in l)
                self.subjects[int(rest[1])][1](rest[0], reply, headers, data[head:])
            elif word == "-ERR" and b"Violation" in line:
                sys.stderr.write("the bus refuses: " + line.decode())
                os._exit(1)


requests, database = Bus(os.environ["HOTPAIR_REQUESTS_URL"]), Bus(os.environ["HOTPAIR_DATABASE_URL"])


def call(name, until, **message):
    """One call to the updater, None when it is not known what became of it. Repeated as long as it was certainly not executed."""
    while time.monotonic() < until:
        try:
            answer = database.request(f"db.{SERVICE}.{name}", json.dumps(message).encode(), until)
        except (OSError, queue.Empty):  # no connection now, or no answer
            answer = None
        if answer:  # empty: NATS says that nobody serves the subject
            reply = json.loads(answer)
            if reply["code"] not in (429, 503):
                return None if name == "commit" and reply["code"] in (500, 504) else reply
        elif answer is None and name == "commit":
            return None
        time.sleep(0.02)  # the updater is busy, or on its way back
    return {"code": 503, "message": "the database did not answer in time"}


def work(body, items):
    """What is asked, by a request of which nothing is wrong: the answer, and what is to be written."""
    votes = items[0].get("value", 0) + 1
    return {"votes": votes}, [{"key": items[0]["key"], "value": votes}]


def candidate(body):
    q = json.loads(body)
    if set(q) != {"for"} or not q["for"].encode():
        raise ValueError
    return q["for"]


def vote(headers, body):
    """Gives an answer: code with message, or body with proof."""
    until = time.monotonic() + int(headers.get("Hotpair-Deadline", "30000ms")[:-2]) / 1000
    ticket = headers.get("Hotpair-Ticket", "")  # goes with every call
    attempt, may_repeat = int(headers.get("Hotpair-Attempt", 1)), "Hotpair-Request-Id" in headers
    wrong, conditions, operations = {}, [], []
    try:
        keys = [candidate(body)]
    except (ValueError, TypeError, AttributeError):
        keys, wrong = [], {"code": 400, "message": 'the field "for" says for whom, and there is no other'}
    runs = doubts = 0
    while True:
        answer = wrong
        if not wrong:
            read = call("read", until, ticket=ticket, keys=keys)
            if "recorded" in read:  # it was executed before
                return read["recorded"]
            if read["code"]:
                break
            body, operations = work(body, read["items"])
            conditions = [{"key": item["key"], "revision": item["revision"]} for item in read["items"]]
            answer = {"body": body}
        if not operations and attempt == 1 and not may_repeat:
            return {"code": 0, **answer}
        done = call("commit", until, ticket=ticket, conditions=conditions, operations=operations, answer=answer,
                    record=attempt > 1 or may_repeat)  # whatever comes of it is the only answer
        if done is None:
            attempt, doubts = attempt + 1, doubts + 1  # done or not: the ticket finds it
            if doubts == 20:  # it may be refused each time
                break
            time.sleep(random.random() * 0.05)
        elif "recorded" in done:
            return done["recorded"]
        elif done["code"] == 409 and runs < 20:
            runs += 1  # somebody was faster
            time.sleep(random.random() * min(0.001 * 2 ** runs, 0.05))
        elif done["code"] == 409:
            wrong, conditions, operations = {"code": 429, "message": "others are always faster; try again"}, [], []
        elif done["code"] == 0:
            return {**done, "code": 0, **answer}
        elif done["code"] == 503:
            break
        else:
            return done
    if attempt > 1 or may_repeat:
        return {"code": 504, "message": "the outcome is unknown; send the request again with the same id"}
    return {"code": 503, "message": "the database did not answer in time; the request was not executed"}


def serve(subject, reply, headers, body):
    def work():
        answer = vote(headers, body)
        head, payload = {}, b""
        if answer.get("proof"):
            head["Hotpair-Proof"] = answer["proof"]
        if answer["code"]:
            head |= {"Nats-Service-Error-Code": answer["code"], "Nats-Service-Error": answer.get("message", "")}
        else:
            payload = json.dumps(answer["body"], separators=(",", ":")).encode()
        try:
            requests.publish(reply, payload, head)
        except OSError:
            pass  # who asked knows that the connection is lost
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


database.subjects = [(database.inbox + ".*", database.answered)]
threading.Thread(target=database.run, daemon=True).start()
requests.subjects = [  # PING last: who gets an answer to a ping may send requests
    (f"business.{SERVICE}.vote", serve), (f"$SRV.INFO.{SERVICE}", info), ("$SRV.INFO", info), (f"$SRV.PING.{SERVICE}", ping)]
requests.run()
