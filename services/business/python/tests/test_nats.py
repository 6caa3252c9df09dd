"""The client, against a server that does what it is told."""
import json
import random
import socket
import threading
import time
import unittest

from hotpair import _nats
from hotpair._nats import Connection
from hotpair._wire import Disconnected, Forbidden, NobodyServes, NotSent


class Server:
    """Accepts connections and plays a script for each: a function of the socket, after the handshake."""

    def __init__(self, *scripts, answer=b"PONG\r\n"):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "nats://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.heard = []
        self.scripts = list(scripts)
        self.answer = answer
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        for script in self.scripts:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with sock, sock.makefile("rb") as lines:
                sock.sendall(b'INFO {"max_payload":1000}\r\n')
                self.heard.append(lines.readline())
                self.heard.append(lines.readline())
                sock.sendall(self.answer)
                try:
                    script(sock, lines)
                except OSError:
                    pass

    def close(self):
        self.listener.close()


def until(holds, what):
    end = time.monotonic() + 20
    while not holds():
        if time.monotonic() > end:
            raise AssertionError("still waiting for " + what)
        time.sleep(0.001)


class Client(unittest.TestCase):
    def connect(self, *scripts, **how):
        self.server = Server(*scripts, answer=how.pop("answer", b"PONG\r\n"))
        self.addCleanup(self.server.close)
        self.complaints = []
        connection = Connection(self.server.url, "me", "secret", "inbox.me", "me", complaint=self.complaints.append, **how)
        self.addCleanup(connection.close)
        connection.open_inbox()
        self.assertTrue(connection.connect(threading.Event()))
        return connection

    def test_asks_and_is_answered(self):
        def script(sock, lines):
            sub, pub = lines.readline().split(), lines.readline().split()
            self.assertEqual((sub[0], sub[1]), (b"SUB", b"inbox.me.*"))
            self.assertEqual(lines.readline(), b"hi\r\n")
            sock.sendall(b"HMSG %s %s 23 28\r\nNATS/1.0\r\nA: b\r\nA:c\r\n\r\nhello\r\n" % (pub[2], sub[2]))
            self.assertEqual(lines.readline().split()[1], b"nobody")
            lines.readline()
            sock.sendall(b"HMSG inbox.me.3 %s 16 16\r\nNATS/1.0 503\r\n\r\n\r\n" % sub[2])
            lines.readline()
        connection = self.connect(script)
        self.assertEqual(json.loads(self.server.heard[0][8:])["pass"], "secret")
        self.assertEqual(connection.request("ask", b"hi", 20), b"hello")
        with self.assertRaises(NobodyServes):
            connection.request("nobody", b"hi", 20)
        with self.assertRaises(NotSent):
            connection.publish("long", b"x" * 1001)
        self.assertEqual(connection._calls, {})

    def test_subscriptions_come_back_and_what_was_in_flight_is_in_doubt(self):
        heard = []

        def first(sock, lines):
            lines.readline()
            lines.readline()
            while not lines.readline().startswith(b"PUB"):
                pass

        def second(sock, lines):
            subjects = {}
            for _ in range(2):
                _, subject, *_, sid = lines.readline().split()
                subjects[subject] = sid
            sock.sendall(b"MSG work %s reply 2\r\nok\r\n" % subjects[b"work"])
            lines.readline()
        connection = self.connect(first, second)
        connection.subscribe("work", heard.append, "q")
        lives, up = connection.lives()
        self.assertTrue(up)
        with self.assertRaises(Disconnected):
            connection.request("ask", b"hi", 20)
        connection.wait(lives, 20)
        until(lambda: heard, "the message")
        self.assertEqual((heard[0].reply, heard[0].data), ("reply", b"ok"))

    def test_a_slow_answer_is_no_answer(self):
        connection = self.connect(lambda sock, lines: [lines.readline() for _ in range(4)])
        with self.assertRaises(TimeoutError):
            connection.request("ask", b"hi", 0.01)
        self.assertEqual(connection._calls, {})

    def test_what_is_in_flight_ends_when_it_is_told_to(self):
        asked = threading.Event()

        def script(sock, lines):
            while lines.readline() != b"hi\r\n":
                pass
            asked.set()
            lines.readline()
        connection = self.connect(script)
        threading.Thread(target=lambda: asked.wait(20) and connection.end_calls()).start()
        start = time.monotonic()
        with self.assertRaises(TimeoutError):
            connection.request("ask", b"hi", 60)
        self.assertLess(time.monotonic() - start, 30)
        with self.assertRaises(NotSent):
            connection.request("ask", b"hi", 60)

    def test_answers_pings_and_tells_of_refused_subjects(self):
        ponged = []

        def script(sock, lines):
            sock.sendall(b"PING\r\n-ERR 'Permissions Violation for Subscription to \"x\"'\r\n")
            while True:
                line = lines.readline()
                if line in (b"PONG\r\n", b""):
                    ponged.append(line)
                    return
        self.connect(script)
        until(lambda: ponged, "the pong")
        self.assertEqual(ponged, [b"PONG\r\n"])
        until(lambda: self.complaints, "the complaint")
        self.assertIsInstance(self.complaints[0], Forbidden)

    def test_is_not_let_in(self):
        with self.assertRaises(Forbidden):
            self.connect(lambda sock, lines: None, answer=b"-ERR 'Authorization Violation'\r\n")

    def test_what_is_flushed_to_nobody(self):
        def script(sock, lines):
            while lines.readline() != b"PING\r\n":
                pass
        connection = self.connect(script, once=True)
        with self.assertRaises(Disconnected):
            connection.flush(20)

    def test_what_was_on_its_way_is_taken(self):
        heard = []

        def script(sock, lines):
            lines.readline()
            sid = lines.readline().split()[-1]
            self.assertEqual(lines.readline(), b"UNSUB %s\r\n" % sid)
            self.assertEqual(lines.readline(), b"PING\r\n")
            sock.sendall(b"MSG work %s 2\r\nok\r\nPONG\r\n" % sid)
            lines.readline()
        connection = self.connect(script)
        sid = connection.subscribe("work", heard.append)
        connection.unsubscribe(sid)
        connection.flush(20)
        self.assertEqual([message.data for message in heard], [b"ok"])

    def test_once_ends_with_the_connection(self):
        connection = self.connect(lambda sock, lines: None, once=True)
        self.assertTrue(connection.ended.wait(20))
        with self.assertRaises(NotSent):
            connection.publish("a", b"")

    def test_waits_for_who_is_not_there_yet(self):
        free = socket.create_server(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        stop = threading.Event()
        threading.Timer(0.1, stop.set).start()
        self.assertFalse(Connection("nats://127.0.0.1:%d" % port, "me", "secret", "i", "me").connect(stop))
        for url in ("127.0.0.1:4222", "http://a:1", "nats://a"):
            with self.assertRaises(ValueError):
                Connection(url, "me", "secret", "i", "me")

    def test_fuzz(self):
        """Whatever a server sends, the connection ends or goes on, and nothing waits for ever."""
        chance = random.Random(1)
        parts = [b"MSG ", b"HMSG ", b"inbox.me.2", b" 1", b" 99", b" -5", b"\r\n", b"PING", b"PONG", b"-ERR 'x'", b"NATS/1.0", b"A: b", b"\xff",
                 b" ", b"+OK",
                 b"MSG a 1 2\r\nhi\r\n", b"HMSG inbox.me.2 1 12 12\r\nNATS/1.0\r\n\r\n\r\n"]
        for _ in range(60):
            data = b"".join(chance.choice(parts) for _ in range(chance.randrange(30)))

            def script(sock, lines, data=data):
                sock.sendall(data)
            connection = self.connect(script, once=True)
            try:
                connection.request("ask", b"hi", 5)
            except (Disconnected, NotSent, NobodyServes):
                pass
            self.assertTrue(connection.ended.wait(5), data)

    def test_a_server_that_says_nothing_is_given_up(self):
        before = _nats.PING_EVERY
        _nats.PING_EVERY = 0.02
        self.addCleanup(setattr, _nats, "PING_EVERY", before)
        connection = self.connect(lambda sock, lines: [lines.readline() for _ in range(9)], once=True)
        self.assertTrue(connection.ended.wait(20))

    def test_a_line_without_end(self):
        connection = self.connect(lambda sock, lines: sock.sendall(b"x" * (1 << 20)), once=True)
        self.assertTrue(connection.ended.wait(20))


if __name__ == "__main__":
    unittest.main()
