"""Queues a sale with Python's own library and hears what comes of it: queue.py URL SEAT CUSTOMER KEY, as in:
queue.py http://127.0.0.1:4280 A1 ann order-17

The sale is done once, whether there is a line to the hosts or not. After a crash run the same again, with the same key.
"""

import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

AGAIN = (429, 500, 503, 504)  # it may be queued, or there is no room for it just now
WAIT = 40  # seconds without a word; something comes each 15


def queue(url, service, operation, body, key, lane):
    """Has the agent keep a request, once for each key, and gives its id; raises RuntimeError when that is refused."""
    headers = {"Content-Type": "application/json", "Hotpair-Queue": "yes", "Hotpair-Queue-Key": key, "Hotpair-Lane": lane}
    request = urllib.request.Request(f"{url}/v1/{service}/{operation}", data=json.dumps(body).encode(), headers=headers)
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)["id"]
        except urllib.error.HTTPError as problem:
            if problem.code not in AGAIN:
                raise RuntimeError(json.load(problem)["detail"]) from None
        except OSError:
            pass  # no agent
        time.sleep(1)


def events(stream):
    """Gives kind and value of each event of a stream of server-sent events."""
    kind = "message"
    for line in stream:
        field, _, value = line.decode().rstrip("\r\n").partition(": ")
        if field == "event":
            kind = value
        elif field == "data":
            yield kind, json.loads(value)
        elif not field:
            kind = "message"


def hear(url, told):
    """Calls told(kind, value) for whatever this terminal is told, from now on, until that gives something."""
    while True:
        try:
            with urllib.request.urlopen(f"{url}/v1/notices", timeout=WAIT) as stream:
                for kind, value in events(stream):
                    if (result := told(kind, value)) is not None:
                        return result
        except OSError:
            pass  # no agent
        time.sleep(1)


def outcome(url, key, told):
    """Gives what came of a request that is queued under a key. told hears the notices that come meanwhile."""

    def heard(kind, value):
        if kind == "message":
            told(value)
        elif kind == "status":  # the stream has begun: it may be over already, and that is not told again
            try:
                with urllib.request.urlopen(f"{url}/v1/queue?key={urllib.parse.quote(key)}", timeout=10) as answer:
                    value = json.load(answer)
            except urllib.error.HTTPError as problem:
                raise RuntimeError(f"outcome unknown, check the seat: {json.load(problem)['detail']}") from None
        elif kind != "result":
            return None
        return value if value.get("key") == key and value["state"] != "queued" else None

    return hear(url, heard)


def main(url, seat, customer, key):
    print("queued:", queue(url, "tickets", "sell", {"seat": seat, "customer": customer}, key, lane=customer), flush=True)
    came = outcome(url, key, lambda notice: print("told:", json.dumps(notice), flush=True))
    if came["state"] == "unknown":
        sys.exit(f"outcome unknown, check the seat: {came['error']}")
    if came.get("code"):
        sys.exit(f"refused: {came['error']}")
    print("done:", json.dumps(came["body"]))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except RuntimeError as problem:
        sys.exit(str(problem))
