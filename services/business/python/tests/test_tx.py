"""What a transaction reads is of one position, and what it may not do it says."""
import inspect
import unittest
from datetime import datetime, timedelta, timezone

import hotpair
from hotpair._body import encode
from hotpair._errors import Moved
from hotpair.testing import Memory


class Transactions(unittest.TestCase):
    def setUp(self):
        self.service = hotpair.Service("test")

        @self.service.operation
        def do(tx, q):
            return self.handler(tx)

        @self.service.query
        def see(tx, q):
            return self.handler(tx)
        self.pair = Memory(self.service)

    def run_handler(self, handler, operation="do"):
        self.handler = handler
        return self.pair.request(operation, id="")

    def test_reads_its_own_writes(self):
        def handler(tx):
            tx.put("a", {"n": 1})
            tx.put("b", b"\x00\xff")
            tx.delete("c")
            a, b, c, d = tx.get_many("a", "b", "c", "d")
            self.assertEqual((a.value, b.bytes, c.found, d.found, a.revision), ({"n": 1}, b"\x00\xff", False, False, 0))
        self.run_handler(handler)
        self.assertEqual(self.pair.items[b"b"][0], b"\x00\xff")

    def test_what_is_written_is_what_it_was_when_it_was_put(self):
        def handler(tx):
            value = {"n": 1}
            tx.put("a", value)
            tx.after("t", 1, "do", value)
            value["n"] = 2
        self.run_handler(handler)
        self.assertEqual((self.pair.value("a"), self.pair.timers["t"]["body"]), ({"n": 1}, {"n": 1}))

    def test_all_is_of_one_position(self):
        runs = []

        def handler(tx):
            runs.append(tx.run)
            tx.get("a")
            if tx.run == 1:
                self.pair.put("a", 1)
            tx.get("b")
            return {"a": tx.get("a").value}
        self.assertEqual(self.run_handler(handler), {"a": 1})
        self.assertEqual(runs, [1, 2])

    def test_pages_are_one_range(self):
        for i in range(25):
            self.pair.put(f"k{i:02}", i)

        def handler(tx):
            after, keys = "", []
            while True:
                page = tx.scan("k", after, 10)
                keys += [item.key for item in page.items]
                if not page.more:
                    break
                after = keys[-1]
                self.pair.put("elsewhere", 1)  # is of no account
            self.assertEqual([(r["keys"], r.get("after"), r.get("through")) for r in tx.ranges()], [(25, None, None)])
            tx.put("count", len(keys))
        self.run_handler(handler)
        self.assertEqual(self.pair.value("count"), 25)

    def test_a_page_notices_what_comes_before_it(self):
        self.pair.put("k1", 1)
        self.pair.put("k3", 1)

        def handler(tx):
            first = tx.scan("k", "", 1)
            if tx.run == 1:
                self.pair.put("k0", 1)
            tx.scan("k", first.items[-1].key, 1)
            return {"first": first.items[0].key}
        self.assertEqual(self.run_handler(handler), {"first": "k0"})
        self.assertEqual(self.run_handler(handler, "see"), {"first": "k0"})

    def test_a_range_is_compared_at_a_further_read(self):
        runs = []

        def handler(tx):
            runs.append(tx.run)
            found = len(tx.scan("k").items)
            if tx.run == 1:
                self.pair.put("k", 1)
            tx.get("elsewhere")
            return {"found": found}
        self.assertEqual(self.run_handler(handler, "see"), {"found": 1})
        self.assertEqual(runs, [1, 2])

    def test_kept_pages_are_of_the_first_position(self):
        for i in range(4):
            self.pair.put(f"k{i}", i)
        runs = []

        def handler(tx):
            runs.append(tx.run)
            first = tx.scan("k", "", 2, kept=True)
            self.pair.put("elsewhere", 1)
            if tx.run == 1:
                self.pair.put("k3", 30)
            return [item.value for item in first.items + tx.scan("k", "k1", kept=True).items]
        self.assertEqual(self.run_handler(handler, "see"), [0, 1, 2, 30])
        self.assertEqual(runs, [1, 2])

    def test_an_answer_that_is_recorded_ends_the_handler_at_its_first_read(self):
        ended = []

        def handler(tx):
            tx.get("a")
            ended.append(tx.run)
            tx.put("a", 1)
            return {"n": len(ended)}
        self.handler = handler
        for _ in range(2):
            self.assertEqual(self.pair.request("do", id="one"), {"n": 1})
        self.assertEqual((ended, self.pair.commits), ([1], 1))

    def test_what_is_made_of_a_conflict_counts_for_nothing(self):
        def handler(tx):
            if tx.run == 1:
                self.pair.refuse = [409]
            try:
                tx.get("a")
            except BaseException:
                raise hotpair.NotFound("it seems that there is none") from None
            return {"run": tx.run}
        self.assertEqual(self.run_handler(handler), {"run": 2})

    def test_require(self):
        self.pair.put("there", 1)
        runs = []

        def handler(tx):
            runs.append(tx.run)
            if tx.run > 2:
                raise hotpair.Conflict("not so")
            tx.require("there", present=True)
            tx.require("absent", 0)
            tx.require("there", 77)
            tx.put("x", 1)
        with self.assertRaises(hotpair.Conflict):
            self.run_handler(handler)
        self.assertEqual(runs, [1, 2, 3])
        self.run_handler(lambda tx: (tx.require("there", present=True), tx.require("absent", 0), tx.put("x", 1)) and None)
        self.assertEqual(self.pair.value("x"), 1)

    def test_binary_keys(self):
        self.pair.items[b"k\xff"] = (b"1", 1)

        def handler(tx):
            page = tx.scan("k")
            key = page.items[0].key
            self.assertEqual(tx.get(key).value, 1)
            tx.put(key, 2)
        self.run_handler(handler)
        self.assertEqual(self.pair.items[b"k\xff"][0], b"2")

    def test_mistakes(self):
        for mistake in (
            lambda tx: (tx.put("a", 1), tx.scan("a")),
            lambda tx: tx.get(""),
            lambda tx: tx.get(7),
            lambda tx: tx.get("\ud800"),
            lambda tx: tx.put("a", object()),
            lambda tx: tx.put("a", float("nan")),
            lambda tx: tx.require("a"),
            lambda tx: tx.require("a", 1, present=True),
            lambda tx: tx.require("a", -1),
            lambda tx: tx.after("t", -1, "do"),
            lambda tx: tx.after("t", float("nan"), "do"),
            lambda tx: tx.after("t", 1, "see"),
            lambda tx: tx.after("t", 1, "nobody"),
            lambda tx: tx.after("", 1, "do"),
            lambda tx: tx.after("t" * 257, 1, "do"),
            lambda tx: tx.after("t", 1, "do", late="never"),
            lambda tx: tx.notify([], "a"),
            lambda tx: tx.notify("t1", "a"),
            lambda tx: tx.notify([1], "a"),
            lambda tx: tx.notify(hotpair.ALL, 7),
            lambda tx: tx.notify(hotpair.ALL, "a", object()),
            lambda tx: tx.notify(7, "a"),
            lambda tx: tx.notify(hotpair.ALL, "a.b"),
            lambda tx: tx.notify(hotpair.ALL, "\ud800"),
            lambda tx: tx.notify(["t 1"], "a"),
            lambda tx: tx.notify(["t1", "t1"], "a"),
            lambda tx: tx.notify(["t1"], "a", fenced=True),
            lambda tx: tx.notify(["t1"], "a", fenced=True, within=0),
            lambda tx: tx.notify(["t1"], "a", fenced=True, within=-1),
            lambda tx: tx.notify(["t1"], "a", fenced=True, within=86_401),
            lambda tx: tx.notify(["t1"], "a", fenced=True, within="soon"),
            lambda tx: tx.notify(["t1"], "a", fenced=True, within=float("inf")),
            lambda tx: tx.notify(hotpair.ALL, "a", fenced=True, within=1),
            lambda tx: tx.notify(["t1"], "a", within=1),
            lambda tx: tx.notify(hotpair.ALL, "a", "x" * (1 << 16)),
            lambda tx: [tx.notify(hotpair.ALL, "a") for _ in range(257)],
            lambda tx: [tx.notify([f"t{n}" for n in range(513)], "a") for _ in range(2)],
            lambda tx: tx.emit("billing", "a b"),
            lambda tx: tx.emit("billing", "a/b"),
            lambda tx: tx.emit("billing", ""),
            lambda tx: tx.emit("billing", "ö"),
            lambda tx: tx.emit("billing", "a" * 129),
            lambda tx: tx.emit("billing.x", "a"),
            lambda tx: tx.emit("billing", "a", "x" * (1 << 16)),
            lambda tx: [tx.emit("billing", "a") for _ in range(257)],
            lambda tx: tx.after("t", 1, "do", "x" * (1 << 16)),
            lambda tx: tx.after("t", "soon", "do"),
            lambda tx: [tx.cancel(str(n)) for n in range(257)],
            lambda tx: tx.at("t", datetime(2030, 1, 1), "do"),
            lambda tx: tx.at("t", datetime(1960, 1, 1, tzinfo=timezone.utc), "do"),
            lambda tx: tx.at("t", datetime(2400, 1, 1, tzinfo=timezone.utc), "do"),
        ):
            caught = []

            def handler(tx, mistake=mistake, caught=caught):
                try:
                    mistake(tx)
                except hotpair.Misuse as error:
                    caught.append(error)
                return {}
            self.handler = handler
            with self.assertLogs("hotpair", "ERROR"):
                self.assertEqual(self.pair.call_raw("do").code, 500)
            self.assertEqual(len(caught), 1, inspect.getsource(mistake))
        self.assertEqual((self.pair.items, self.pair.timers), ({}, {}))
        self.handler = lambda tx: (tx.get("a"), tx.put("a", 1))
        with self.assertLogs("hotpair", "ERROR"):
            self.assertEqual(self.pair.call_raw("see").code, 500)

    def test_as_much_as_there_may_be(self):
        def handler(tx):
            for n in range(300):
                tx.after(str(n % 256), 1, "do", "x" * ((64 << 10) - 2) if n == 0 else None)
            for n in range(256):
                tx.notify([f"t{n}-{i}" for i in range(4)], "a")
                tx.emit("billing", "!" * 128)
        self.run_handler(handler)
        self.assertEqual((len(self.pair.timers), len(self.pair.notices), len(self.pair.emissions)), (256, 256, 256))

    def test_a_pair_in_memory_refuses_what_the_updater_refuses(self):
        for outbox in ({"timers": [{"key": "t", "operation": "a b"}]}, {"notices": [{"topic": "a b", "all": True}]},
                       {"notices": [{"topic": "a"}]}, {"emissions": [{"target": "t", "lane": "a b"}]},
                       {"emissions": [{"target": "t", "lane": "a"}] * 257}):
            reply = self.pair.call("commit", encode({"epoch": "1", "outbox": outbox}), 1)
            self.assertIn(b'"code":400', reply, outbox)
        self.assertEqual((self.pair.timers, self.pair.notices, self.pair.emissions), ({}, [], []))

    def test_notices_are_part_of_the_update(self):
        body = {"n": 1}

        def handler(tx):
            tx.notify(hotpair.ALL, "a", body)
            tx.notify(["t1", "t2"], "b")
            tx.notify(["t1"], "c", fenced=True, within=timedelta(seconds=1.5))
            body["n"] = 2
        self.run_handler(handler)
        told = [{"topic": "a", "all": True, "body": {"n": 1}}, {"topic": "b", "to": ["t1", "t2"]},
                {"topic": "c", "to": ["t1"], "fenced": True, "within_ms": 1500}]
        self.assertEqual(self.pair.notices, told)
        self.pair.terminals = ["t1"]
        with self.assertRaises(hotpair.NotFound):
            self.run_handler(handler)
        self.handler = lambda tx: tx.notify(hotpair.ALL, "a") or 1 / 0
        with self.assertLogs("hotpair", "ERROR"):
            self.pair.call_raw("do")
        self.assertEqual(self.pair.notices, told)

    def test_emissions_are_part_of_the_update(self):
        self.run_handler(lambda tx: tx.emit("billing", "seat-1", {"n": 1}) or tx.emit("billing", "seat-2"))
        told = [{"target": "billing", "lane": "seat-1", "body": {"n": 1}}, {"target": "billing", "lane": "seat-2"}]
        self.assertEqual(self.pair.emissions, told)
        for operation, handler in (("do", lambda tx: tx.emit("billing", 7)), ("do", lambda tx: tx.emit(None, "a")),
                                   ("see", lambda tx: tx.emit("billing", "a")), ("do", lambda tx: tx.emit("billing", "a") or 1 / 0)):
            self.handler = handler
            with self.assertLogs("hotpair", "ERROR"):
                self.assertEqual(self.pair.call_raw(operation).code, 500)
        self.assertEqual(self.pair.emissions, told)

    def test_due(self):
        seen = []

        def handler(tx):
            seen.append(tx.due)
            tx.after("t", timedelta(seconds=5), "do")
        self.run_handler(handler)
        self.pair.fire("t", late=2.5)
        self.assertIsNone(seen[0])
        self.assertEqual((seen[1].key, seen[1].late, seen[1].at.tzinfo), ("t", timedelta(seconds=2.5), timezone.utc))
        self.assertIn("t", self.pair.timers, "set again by its own handler: the set wins")

    def test_after_an_error_nothing_goes_on(self):
        def handler(tx):
            self.pair.refuse = [409]
            with self.assertRaises(Moved):
                tx.get("a")
            with self.assertRaises(Moved):
                tx.put("a", 1)
            raise ValueError("what a handler makes of it counts for nothing")
        self.handler = handler
        self.assertEqual(self.pair.call_raw("do").code, 429)


if __name__ == "__main__":
    unittest.main()
