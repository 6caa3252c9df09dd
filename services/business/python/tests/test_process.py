"""Headers of requests, bodies, turns, and what a service may be."""
import os
import random
import signal
import threading
import time
import unittest
from unittest import mock
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

import hotpair
from hotpair._body import decode_request, encode, with_revision
from hotpair import _run
from hotpair._execution import Shared
from hotpair._run import Process, _on_signals, read_request
from hotpair.testing import Memory
from hotpair._turns import Gate, Lanes
from hotpair._wire import Message


def message(body=b"{}", **headers):
    return Message("s", "r", [("Hotpair-" + name.replace("_", "-"), value) for name, value in headers.items()], "", body)


class Headers(unittest.TestCase):
    def test_reads_what_is_there(self):
        q = read_request("add", message(Terminal="t1", Counter="5", Ticket="x", Attempt="2", Epoch="7", Deadline="29500ms"))
        self.assertEqual((q.ticket, q.own_id, q.attempt, q.epoch, q.remaining, q.timer), ("x", False, 2, 7, 29.5, None))
        q = read_request("add", message(Terminal="t1", Request_Id="mine"))
        self.assertEqual((q.own_id, q.attempt, q.remaining), (True, 1, 0.0))
        q = read_request("add", message(Timer='{"key":"k","revision":"18446744073709551615","at_ns":"5","late_ns":"6"}'))
        self.assertEqual(q.timer, ("k", (1 << 64) - 1, 5, 6))

    def test_refuses_what_can_not_be_read(self):
        for headers in ({"Counter": "x"}, {"Counter": "5"}, {"Request_Id": "a"}, {"Attempt": "-1"}, {"Epoch": "1" * 21}, {"Deadline": "soon"},
                        {"Deadline": "0ms"}, {"Deadline": "30s"}, {"Timer": "{"}, {"Timer": "[]"},
                        {"Timer": '{"key":1,"revision":"1","at_ns":"1","late_ns":"1"}'},
                        {"Timer": '{"key":"\\ud800","revision":"1","at_ns":"1","late_ns":"1"}'}, {"Timer": "[" * 100_000},
                        {"ticket": "x"}, {"Position": "1/2"}):
            with self.assertRaises(hotpair.Malformed, msg=headers):
                read_request("add", message(**headers))
        twice = Message("s", "r", [("Hotpair-Epoch", "1"), ("Hotpair-Epoch", "2")], "", b"")
        with self.assertRaises(hotpair.Malformed):
            read_request("add", twice)

    def test_fuzz(self):
        chance = random.Random(1)
        names = ["Terminal", "Counter", "Request_Id", "Attempt", "Epoch", "Deadline", "Timer"]
        for _ in range(2000):
            value = "".join(chance.choice('0123456789ms-{}":,keyrvison\x00\udcff☃') for _ in range(chance.randrange(20)))
            try:
                read_request("add", message(**{chance.choice(names): value}))
            except hotpair.Malformed as error:
                self.assertTrue(error.message)


@dataclass
class Inner:
    n: int


@dataclass
class Body:
    name: str
    count: int = 0
    price: float = 0.0
    wanted: bool = False
    inner: Optional[Inner] = None
    tags: List[str] = field(default_factory=list)
    more: Dict[str, Inner] = field(default_factory=dict)
    anything: Any = None


class Bodies(unittest.TestCase):
    def test_reads_what_is_meant(self):
        got = decode_request(b'{"name":"a","count":2,"price":1,"wanted":true,"inner":{"n":1},"tags":["x"],"more":{"a":{"n":2}},"anything":[1]}', Body)
        self.assertEqual(got, Body("a", 2, 1.0, True, Inner(1), ["x"], {"a": Inner(2)}, [1]))
        self.assertEqual(decode_request(b'{"name":"a","inner":null}', Body), Body("a"))
        self.assertEqual(decode_request(b"", dict), {})

    def test_says_what_is_wrong(self):
        for body, said in ((b'{}', '"name" is missing; it is a text'), (b'{"name":1}', 'field "name" can\'t be a JSON number'),
                           (b'{"name":"a","count":true}', "can't be a JSON bool"), (b'{"name":"a","count":1.5}', "it is a whole number"),
                           (b'{"name":null}', 'field "name" is null; it is a text'), (b'{"Name":"a"}', 'no field "Name"; there are name, count'),
                           (b'{"name":"a","inner":{"m":1}}', 'no field "m"; there are n'), (b'{"name":"a","tags":[1]}', 'an element of field "tags"'),
                           (b'{"name":"a","more":{"x":1}}', 'field "x" can\'t be a JSON number; it is an object'),
                           (b'{"name":"a","price":NaN}', 'field "price" is nan'), (b'{"name":"a","price":-1e999}', 'field "price" is -inf'),
                           (b'{"name":"a","price":1' + b"0" * 400 + b"}", 'field "price" is too large'),
                           (b'{"name":"a","count":9223372036854775808}', 'field "count" is a whole number beyond 64 bits'),
                           (b'{"name":"a","anything":[{"x":[[Infinity]]}]}', 'an element of field "x" is inf'),
                           (b"[]", "a JSON array"), (b"nul", "no JSON")):
            with self.assertRaises(hotpair.Malformed) as caught:
                decode_request(body, Body)
            self.assertIn(said, caught.exception.message)

    def test_depth_is_refused_wherever_it_is_found(self):
        deep: Any = {}
        for _ in range(5000):  # as the scanners of newer Pythons let it through
            deep = {"a": [deep]}
        with mock.patch("json.loads", lambda body: deep), self.assertRaises(hotpair.Malformed) as caught:
            decode_request(b"{}", dict)
        self.assertIn("too deep", caught.exception.message)

    def test_numbers_of_a_dict(self):
        for body, field in ((b'{"a":NaN}', '"a"'), (b'{"a":[1e999]}', '"a"'), (b'{"b":{"c":-9223372036854775809}}', '"c"')):
            with self.assertRaises(hotpair.Malformed) as caught:
                decode_request(body, dict)
            self.assertIn("field " + field, caught.exception.message)
        numbers = {"a": 9223372036854775807, "b": -9223372036854775808, "c": 1e300, "d": True}
        self.assertEqual(decode_request(encode(numbers), dict), numbers)
        self.assertEqual(decode_request(encode({"name": "a", "count": numbers["b"]}), Body).count, numbers["b"])

    def test_writes_as_the_others_do(self):
        self.assertEqual(encode({"a": "<ö☃>\u2028", "b": [1, 1.5, None]}), '{"a":"<ö☃>\u2028","b":[1,1.5,null]}'.encode())
        self.assertEqual(encode(Inner(1)), b'{"n":1}')
        for body, want in ((b"{}", b'{"revision":7}'), (b' {"a":1} ', b'{"a":1,"revision":7}'), (b"[]", b"[]"), (b"", b'{"revision":7}')):
            self.assertEqual(with_revision(body, 7), want)


class Turns(unittest.TestCase):
    def test_lanes_are_left_to_who_waited_longest(self):
        lanes, order, lock = Lanes(), [], threading.Lock()
        held = lanes.enter(["a"], 1, time.monotonic)
        self.assertEqual((held, lanes.contended(["b", "a"])), (["a"], ["a"]))
        self.assertEqual(lanes.enter(["a"], 0.01, time.monotonic), [], "patience ends")

        def wait(n):
            entered = lanes.enter(["a"], 20, time.monotonic)
            with lock:
                order.append(n)
            lanes.leave(entered)
        threads = []
        for n in range(5):
            threads.append(threading.Thread(target=wait, args=(n,)))
            threads[-1].start()
            while len(lanes._held["a"]) <= n:
                time.sleep(0.001)
        lanes.leave(held)
        for thread in threads:
            thread.join()
        self.assertEqual((order, lanes._held), ([0, 1, 2, 3, 4], {}))

    def test_gate_lets_one_alone(self):
        gate = Gate()
        self.assertTrue(gate.enter(False, 0) and gate.enter(False, 0))
        self.assertFalse(gate.enter(True, 0.01))
        alone = threading.Thread(target=lambda: gate.enter(True, 20))
        alone.start()
        while not gate._waiting:
            time.sleep(0.001)
        self.assertFalse(gate.enter(False, 0.01), "who comes later waits behind")
        gate.leave(False)
        gate.leave(False)
        alone.join()
        self.assertFalse(gate.enter(False, 0.01))
        gate.leave(True)
        self.assertTrue(gate.enter(False, 0))


class Signals(unittest.TestCase):
    def test_one_comes_while_the_main_thread_holds_the_lock_that_stop_needs(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        lock, stopped = threading.Lock(), threading.Event()

        def stop():
            with lock:
                stopped.set()
        _on_signals(stop)
        with lock:
            os.kill(os.getpid(), signal.SIGTERM)
            self.assertFalse(stopped.wait(0.05))
        self.assertTrue(stopped.wait(20))


class Workers(unittest.TestCase):
    def setUp(self):
        self.service = hotpair.Service("a")
        self.service.operation(lambda tx, q: None, name="x")
        environment = {"HOTPAIR_" + name: "nats://127.0.0.1:1" for name in ("REQUESTS_URL", "DATABASE_URL", "BUS_USER", "BUS_PASSWORD")}
        self.process = Process(self.service, {**environment, "HOTPAIR_BUS_INBOX": "inbox.business.a"})
        self.process._shared = Shared(self.service, Memory(self.service))

    def take(self, number):
        for _ in range(number):
            self.process._take(message(Epoch="1"), "x", self.service.operations["x"])

    def test_one_that_ends_is_replaced(self):
        answers, broken = [], [True] * 3

        def answer(message, reply):
            answers.append(reply.code)
            if broken:
                broken.pop()
                raise GeneratorExit()
        self.process._answer = answer
        before, threading.excepthook = threading.excepthook, lambda args: None
        self.addCleanup(setattr, threading, "excepthook", before)
        most, _run.WORKERS = _run.WORKERS, 1
        self.addCleanup(setattr, _run, "WORKERS", most)
        self.take(5)
        end = time.monotonic() + 20
        while (len(answers), self.process._in_flight) != (5, 0):
            self.assertLess(time.monotonic(), end, answers)
            time.sleep(0.001)
        self.assertEqual(answers, [0] * 5)
        self.assertEqual(self.process._workers, 1)
        self.process._waiting.put(None)
        while self.process._workers:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.001)

    def test_without_a_thread_a_request_is_refused(self):
        answers = []
        self.process._answer = lambda message, reply: answers.append(reply.code)

        class None_(threading.Thread):
            def start(self):
                raise RuntimeError("can't start new thread")
        before, _run.threading.Thread = threading.Thread, None_
        self.addCleanup(setattr, threading, "Thread", before)
        with self.assertLogs("hotpair", "WARNING"):
            self.take(1)
        self.assertEqual((answers, self.process._workers, self.process._in_flight), ([429], 0, 0))

    def test_nobody_guesses_where_answers_are_awaited(self):
        first, second = (self.process._connect("nats://127.0.0.1:1")._inbox for _ in range(2))
        self.assertRegex(first, r"^inbox\.business\.a\.[0-9a-f]{32}$")
        self.assertNotEqual(first, second)


class Services(unittest.TestCase):
    def test_names(self):
        for make in (lambda: hotpair.Service("a.b"), lambda: hotpair.Service(""), lambda: hotpair.Service("a", version="one")):
            self.assertRaises(ValueError, make)
        service = hotpair.Service("a")
        with self.assertRaises(TypeError):
            service.operation(lambda tx: None, name="x")
        service.query(lambda tx, q: None, name="x")
        with self.assertRaises(ValueError):
            service.operation(lambda tx, q: None, name="x")
        with self.assertRaises(ValueError):
            service.operation(lambda tx, q: None)
        self.assertEqual((service.names(), service.writes("x"), service.writes("y")), (["x"], False, False))
        with self.assertRaises(ValueError) as caught:
            Process(service, {})
        self.assertIn("HOTPAIR_REQUESTS_URL is not set", str(caught.exception))
        with self.assertRaises(ValueError):
            Process(hotpair.Service("empty"), {})
        with self.assertRaises(ValueError):
            hotpair.Error(200, "is none")


if __name__ == "__main__":
    unittest.main()
