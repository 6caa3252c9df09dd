"""What becomes of a request: each row of the table in the design of the runtime."""
import asyncio
import http
import json
import logging
import sys
import threading
import unittest
from datetime import datetime, timedelta, timezone

import hotpair
from hotpair import _errors as e
from hotpair._execution import MAX_DOUBTS, MAX_RUNS
from hotpair.testing import Memory


def counter() -> hotpair.Service:
    service = hotpair.Service("counter")

    @service.operation(revision=True)
    def add(tx, q):
        count = (tx.get(q.get("key", "count")).value or 0) + 1
        tx.put(q.get("key", "count"), count)
        return {"count": count}

    @service.operation
    def fail(tx, q):
        tx.put("count", -1)
        raise hotpair.NotFound("no such thing")

    @service.operation
    def crash(tx, q):
        tx.put("count", -1)
        raise ZeroDivisionError("a mistake")

    @service.operation
    def leave(tx, q):
        tx.put("count", -1)
        sys.exit(3)

    @service.operation
    def swallow(tx, q):
        try:
            tx.get("count")
        except Exception:
            pass
        tx.put("swallowed", True)

    @service.query
    def sneak(tx, q):
        try:
            tx.put("count", -1)
        except Exception:
            pass
        return {}

    @service.query
    def look(tx, q):
        return {"count": tx.get("count").value}

    @service.operation
    def claim(tx, q):
        if tx.scan("seat/").items:
            raise hotpair.Conflict("taken")
        tx.put("seat/" + q["who"], 1)

    @service.operation
    def later(tx, q):
        tx.after("t", 0.0015, "add", {"key": "timed"})
        tx.after("skipped", timedelta(hours=1), "add", late="skip")
        tx.at("hour", datetime(2030, 1, 2, 3, 4, 5, 6, timezone.utc), "fail")
        tx.cancel("gone")

    return service


class Execution(unittest.TestCase):
    def setUp(self):
        logging.getLogger("hotpair").setLevel(logging.CRITICAL)
        self.pair = Memory(counter())

    def test_effects_once_for_each_id(self):
        first = self.pair.call_raw("add", id="a")
        self.assertEqual(first.body, b'{"count":1,"revision":2}')
        self.assertTrue(first.proof)
        self.assertEqual(self.pair.call_raw("add", id="a", attempt=2), first)
        self.assertEqual(self.pair.call_raw("add", id="b").body, b'{"count":2,"revision":3}')
        self.assertEqual(self.pair.value("count"), 2)
        self.assertEqual(self.pair.call_raw("add", {"key": "other"}, id="b").code, 409, "one id is one request")
        self.assertIsNone(self.pair.value("other"))

    def test_runs_again_when_another_was_faster(self):
        def faster():
            if self.pair.value("count") is None:
                self.pair.put("count", 10)
        self.pair.before_commit = faster
        self.assertEqual(self.pair.request("add", id="a")["count"], 11)
        self.assertEqual(self.pair.commits, 2)

    def test_is_refused_when_others_are_always_faster(self):
        self.pair.before_commit = lambda: self.pair.put("count", 1)
        reply = self.pair.call_raw("add", id="a")
        self.assertEqual(reply.code, e.BUSY)
        self.assertEqual(self.pair.commits, MAX_RUNS)
        self.pair.before_commit = None
        self.assertEqual(self.pair.answers, {})
        # A repetition must be told the same for ever, so it is recorded.
        self.pair.before_commit = lambda: self.pair.put("count", 1)
        self.assertEqual(self.pair.call_raw("add", id="own", own_id=True).code, e.BUSY)
        self.pair.before_commit = None
        self.assertEqual(self.pair.call_raw("add", id="own", own_id=True).code, e.BUSY)

    def test_errors_leave_nothing_and_are_recorded_where_they_must_be(self):
        for how, recorded in (({}, 0), ({"attempt": 2}, 1), ({"own_id": True}, 1)):
            pair = Memory(counter())
            reply = pair.call_raw("fail", id="a", **how)
            self.assertEqual((reply.code, reply.message), (404, "no such thing"))
            self.assertEqual((pair.items, len(pair.answers)), ({}, recorded), how)

    def test_faults_cost_their_request_alone(self):
        for operation in ("crash", "leave", "sneak"):
            reply = self.pair.call_raw(operation, id="a")
            self.assertEqual((reply.code, self.pair.items), (500, {}), operation)
            self.assertNotIn("mistake", reply.message)

    def test_whatever_a_handler_raises_is_an_outcome(self):
        class Odd(hotpair.Error):
            def __init__(self):
                pass

        service, raised = hotpair.Service("odd"), []

        @service.operation
        def do(tx, q):
            raise raised[-1]
        for error in (asyncio.CancelledError(), KeyboardInterrupt(), GeneratorExit(), SystemExit(1), Odd(), hotpair.Misuse("\ud800")):
            raised.append(error)
            pair = Memory(service)
            reply = pair.call_raw("do", id="a", own_id=True)
            self.assertEqual((reply.code, len(pair.answers)), (500, 1), repr(error))
            self.assertEqual(pair.call_raw("do", id="a", own_id=True), reply)
        raised.append(hotpair.Error(http.HTTPStatus.CONFLICT, "half \ud800 of one"))
        reply = Memory(service).call_raw("do", id="a", own_id=True)
        self.assertEqual((str(reply.code), reply.message), ("409", "half ? of one"))

    def test_half_characters_are_mistakes(self):
        service = hotpair.Service("half")

        @service.operation
        def do(tx, q):
            return {"half": "\ud800"}
        for body in ({}, {"a": 1}):
            pair = Memory(service)
            self.assertEqual((pair.call_raw("do", body, id="a", own_id=True).code, len(pair.answers)), (500, 1))
        pair = Memory(counter())
        pair.call = lambda name, message, timeout: b'{"code":413,"message":"\\ud800"}'
        reply = pair.call_raw("add", id="a")
        self.assertEqual((reply.code, reply.message), (413, "?"))

    def test_a_run_of_a_timer_that_a_stop_ends_uses_up_no_try(self):
        self.pair.request("later", id="a")
        self.pair.refuse = [e.Late]
        self.assertEqual(self.pair.fire("t").code, 500, "its deadline")
        self.pair._shared.stop()
        self.assertEqual(self.pair.fire("t").code, 503)
        self.assertIn("t", self.pair.timers)

    def test_a_handler_that_catches_everything_changes_nothing(self):
        self.pair.refuse = [e.Away, e.Doubt]
        self.assertEqual(self.pair.call_raw("swallow", id="a").code, 0)
        self.assertEqual(self.pair.value("swallowed"), True)

    def test_an_unknown_outcome_is_looked_up_by_the_ticket(self):
        committed = []

        class Lost(Memory):
            def call(self, name, message, timeout):
                reply = super().call(name, message, timeout)
                if name == "commit" and not committed:
                    committed.append(reply)
                    raise e.Doubt()
                return reply

        pair = Lost(counter())
        self.assertEqual(pair.call_raw("add", id="a").body, b'{"count":1,"revision":2}')
        self.assertEqual(pair.value("count"), 1)
        committed.clear()
        reply = pair.call_raw("add")
        self.assertEqual(reply.code, e.UNKNOWN, "without an id nobody can tell")
        self.assertEqual(pair.value("count"), 2)

    def test_waits_for_the_updater(self):
        self.pair.refuse = [e.Away, 503, 429, e.Doubt]  # a read leaves no doubt
        self.assertEqual(self.pair.request("add", id="a")["count"], 1)

    def test_ends_with_its_deadline(self):
        self.pair.refuse = [e.Away] * 1_000_000
        self.assertEqual(self.pair.call_raw("add", id="a", deadline=0.01).code, e.NOBODY)
        self.assertEqual(self.pair.call_raw("add", id="a", deadline=0.01, own_id=True).code, e.UNKNOWN)
        self.assertEqual(self.pair.call_raw("look", deadline=0.01).code, e.NOBODY)

    def test_ends_with_its_term(self):
        self.pair._shared.note(2)
        self.pair.refuse = [503]
        self.assertEqual(self.pair.call_raw("add", id="a").code, e.NOBODY)
        self.pair.refuse = [503]
        self.assertEqual(self.pair.call_raw("add", id="a", attempt=2).code, e.UNKNOWN)

    def test_refusals_of_the_updater(self):
        for code, want, again in ((400, 400, 400), (413, 413, 413), (410, 410, 410), (403, 403, 504), (500, 500, 504)):
            self.pair.refuse = [code]
            self.assertEqual(self.pair.call_raw("add", id="a").code, want, code)
            self.pair.refuse = [code]
            self.assertEqual(self.pair.call_raw("add", id=f"b{code}", attempt=2).code, again, code)

    def test_a_commit_of_unknown_outcome_is_found_or_made(self):
        for n, code in enumerate((500, 504, e.Doubt)):
            codes = [code]

            def refuse():
                self.pair.refuse = codes[:]
                codes.clear()
            self.pair.before_commit = refuse
            self.assertEqual(self.pair.request("add", id=f"u{n}")["count"], n + 1, code)

    def test_a_commit_that_is_always_lost_is_not_repeated_for_ever(self):
        for code in (500, 504, e.Doubt):
            with self.subTest(code=code):
                pair = Memory(counter())
                runs = []

                def refuse():
                    runs.append(code)
                    pair.refuse = [code]
                pair.before_commit = refuse
                self.assertEqual(pair.call_raw("add", id="a").code, e.UNKNOWN)
                self.assertEqual((len(runs), pair.value("count")), (MAX_DOUBTS, None))

    def test_a_range_that_was_found_empty_must_still_be(self):
        def faster():
            if not self.pair.items:
                self.pair.put("seat/bob", 1)
        self.pair.before_commit = faster
        with self.assertRaises(hotpair.Conflict):
            self.pair.request("claim", {"who": "ann"}, id="a")
        self.assertEqual(list(self.pair.items), [b"seat/bob"])

    def test_too_large(self):
        service = hotpair.Service("large")

        @service.operation
        def write(tx, q):
            for i in range(4):
                tx.put(str(i), b"x" * (1 << 20))

        @service.query
        def read(tx, q):
            return {"x": "x" * (5 << 20)}
        pair = Memory(service)
        for operation in ("write", "read"):
            self.assertEqual(pair.call_raw(operation, id="a").code, e.TOO_LARGE)

    def test_timers(self):
        self.pair.request("later", id="a")
        self.assertEqual(set(self.pair.timers), {"t", "skipped", "hour"})
        self.assertEqual(self.pair.timers["t"]["after_ms"], 2, "never early")
        self.assertEqual(self.pair.timers["t"]["body"], {"key": "timed"})
        self.assertEqual((self.pair.timers["skipped"]["after_ms"], self.pair.timers["skipped"]["skip"]), (3_600_000, True))
        self.assertEqual(self.pair.timers["hour"]["at_ns"], "1893553445000006000")
        self.assertEqual(self.pair.fire("t").code, 0)
        self.assertEqual((self.pair.value("timed"), "t" in self.pair.timers), (1, False))
        self.assertEqual(self.pair.fire("hour").code, 404, "a run that fails keeps its timer")
        self.assertIn("hour", self.pair.timers)

    def test_timer_run_twice(self):
        self.pair.request("later", id="a")
        timer = hotpair._items.Fired("t", self.pair.timers["t"]["revision"], 0, 0)
        codes = [self.pair.call_raw("add", {"key": "timed"}, timer=timer).code for _ in range(2)]
        self.assertEqual((codes, self.pair.value("timed")), ([0, e.TOO_OLD], 1))

    def test_many_at_once(self):
        threads = [threading.Thread(target=lambda i=i: [self.pair.request("add", id=f"{i}/{n}") for n in range(20)]) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(self.pair.value("count"), 160)
        shared = self.pair._shared
        self.assertEqual((shared.lanes._held, shared.gate._inside, shared.gate._alone, len(shared.gate._waiting)), ({}, 0, False, 0))

    def test_unknown_operations_and_bad_bodies(self):
        self.assertEqual(self.pair.call_raw("sub").code, 404)
        for body in (b"[]", b"{", b"\xff", b"[" * 100_000, b'"a"'):
            self.assertEqual(self.pair.call_raw("add", body, id="a").code, 400, body[:20])


if __name__ == "__main__":
    unittest.main()
