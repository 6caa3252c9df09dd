"""Sells a seat with Python's own library: sell.py URL SEAT CUSTOMER, as in: sell.py http://127.0.0.1:4280 A1 ann

The id is made once. Whatever happens to this call, the same is sent again and takes effect once.
"""

import datetime
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

AGAIN = (429, 500, 503, 504)  # nobody knows yet, or nothing was done


def ask(url, service, operation, body, tries=5):
    """Gives the answer of an operation, or raises RuntimeError with what the agent or the service says."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    request = urllib.request.Request(
        f"{url}/v1/{service}/{operation}",
        data=json.dumps(body).encode(),
        headers={
            "Content-Type": "application/json",
            "Hotpair-Request-Id": f"{now}/{uuid.uuid4()}",
            "Hotpair-Deadline": os.environ.get("DEADLINE", "30s"),
        },
    )
    said = ""
    for _ in range(tries):
        try:
            with urllib.request.urlopen(request, timeout=40) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as problem:
            said = json.load(problem)["detail"]
            if problem.code not in AGAIN:
                raise RuntimeError(said) from None
        except OSError as problem:  # no agent, or no answer in time
            said = str(problem)
        time.sleep(1)
    raise RuntimeError(said)


if __name__ == "__main__":
    try:
        print(json.dumps(ask(sys.argv[1], "tickets", "sell", {"seat": sys.argv[2], "customer": sys.argv[3]})))
    except RuntimeError as problem:
        sys.exit(str(problem))
