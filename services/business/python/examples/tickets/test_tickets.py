"""The cases that the service passes in every language, on a pair in memory."""
import json
import pathlib
import unittest

import tickets
from hotpair.testing import Memory

CASES = pathlib.Path(__file__).resolve().parents[3] / "tickets" / "ticketstest" / "cases.json"


class Tickets(unittest.TestCase):
    def test_cases(self):
        pair = Memory(tickets.service)
        pair.targets = ["accounting"]
        for n, case in enumerate(json.loads(CASES.read_text(encoding="utf-8"))):
            with self.subTest(case=case):
                if "fire" in case:
                    reply = pair.fire(case["fire"])
                else:
                    reply = pair.call_raw(case["operation"], case["body"], id=str(n))
                self.assertEqual(reply.code, case.get("code", 0), reply)
                self.assertIn(case.get("message", ""), ("", reply.message))
                told = [{"topic": n["topic"], "body": n["body"]} for n in pair.notices if n["all"]]
                self.assertEqual(told, case.get("notices", []))
                self.assertEqual(pair.emissions, case.get("emissions", []))
                pair.notices.clear()
                pair.emissions.clear()
                if reply.code:
                    continue
                answer = json.loads(reply.body)
                for name, value in case["answer"].items():
                    if value == "*" and answer.get(name):
                        answer[name] = "*"
                self.assertEqual(answer, case["answer"])
                if "seat" in answer:
                    self.assertEqual(answer["seat"] in pair.timers, case.get("timer") == answer["seat"])


if __name__ == "__main__":
    unittest.main()
