"""What is said of a mistake: what it is, and where in the service."""
import datetime
import os
import select
import subprocess
import sys
import textwrap
import unittest

import hotpair
from hotpair._run import Process
from hotpair._wire import Disconnected, Forbidden
from hotpair.testing import Memory


class Said(unittest.TestCase):
    def said(self, handler):
        service = hotpair.Service("a")
        service.operation(handler, name="do")
        with self.assertLogs("hotpair", "ERROR") as log:
            self.assertEqual(Memory(service).call_raw("do").code, 500)
        return "\n".join(log.output)

    def test_a_call_that_can_not_be_made_is_told_with_its_line(self):
        def keep(tx, q):
            tx.put("a", {"seats": [1, {2}]})
        line = keep.__code__.co_firstlineno + 1
        self.assertIn(f"the service made a mistake in keep (test_said.py, line {line}): "
                      "set at ['seats'][1] can't be written as JSON: Object of type set is not JSON serializable", self.said(keep))

    def test_an_answer_that_is_no_json_is_told_as_one(self):
        for answer, what in ({1, 2}, "set can't"), ({"at": datetime.date(2026, 1, 2)}, "date at ['at'] can't"), ({"x": [float("nan")]}, "float at ['x'][0] can't"), (b"x", "bytes can't"):
            def give(tx, q):
                return answer
            said = self.said(give)
            self.assertIn(f"the service made a mistake: what give returned: {what} be written as JSON", said)
            self.assertNotIn("Traceback", said)

    def test_a_deep_answer_is_a_mistake_too(self):
        deep = {}
        deep["deep"] = deep
        self.assertIn("what give returned: dict at ['deep']", self.said(lambda tx, q: deep).replace("<lambda>", "give"))

    def test_an_exception_is_shown_from_the_handler_on(self):
        def fail(tx, q):
            return q["nothing"]
        said = self.said(fail)
        self.assertIn("the handler failed", said)
        self.assertIn('return q["nothing"]', said)
        self.assertIn("KeyError: 'nothing'", said)
        self.assertNotIn("_execution.py", said)


class Misnamed(unittest.TestCase):
    def process(self, user):
        service = hotpair.Service("garderobe")
        service.operation(lambda tx, q: None, name="x")
        environment = {"HOTPAIR_" + name: "nats://127.0.0.1:1" for name in ("REQUESTS_URL", "DATABASE_URL", "BUS_PASSWORD", "BUS_INBOX")}
        return Process(service, {**environment, "HOTPAIR_BUS_USER": user})

    def test_a_host_that_awaits_another_name_is_told_of(self):
        process = self.process("business.cloakroom")
        process._complain(Disconnected("shuts down"))
        self.assertIsNone(process._problem)
        process._complain(Forbidden("Permissions Violation for Subscription"))
        self.assertIn('the host started this program as "cloakroom", but it is garderobe', str(process._problem))

    def test_another_refusal_is_told_as_it_is(self):
        process = self.process("business.garderobe")
        process._complain(Forbidden("Permissions Violation for x"))
        self.assertEqual(str(process._problem), "Permissions Violation for x")


class Printed(unittest.TestCase):
    def test_what_is_printed_is_said_at_once(self):
        program = textwrap.dedent("""
            import sys, hotpair
            from hotpair import _run
            class Quiet:
                def __init__(self, service, environment): pass
                def stop(self): pass
                def run(self):
                    print("printed")
                    sys.stdin.read()  # nothing flushes meanwhile
            _run.Process = Quiet
            hotpair.Service("a").run()
        """)
        where = os.path.dirname(os.path.dirname(hotpair.__file__))
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": where}  # as a host gives it: with no PYTHONUNBUFFERED
        child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.stdin.close)
        self.assertTrue(select.select([child.stdout], [], [], 20)[0], "nothing was said")
        self.assertEqual(child.stdout.readline(), b"printed\n")


if __name__ == "__main__":
    unittest.main()
