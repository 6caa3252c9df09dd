import unittest

import hotpair
from hotpair.testing import Memory

from service import service


class Counter(unittest.TestCase):
    def setUp(self):
        self.pair = Memory(service)

    def test_counts(self):
        self.assertEqual(self.pair.request("add", {"name": "a"}), {"count": 1})
        self.assertEqual(self.pair.request("add", {"name": "a", "by": 2}), {"count": 3})
        self.assertEqual(self.pair.request("look", {"name": "a"}), {"count": 3})

    def test_counts_a_repeated_request_once(self):
        for _ in range(2):
            self.assertEqual(self.pair.request("add", {"name": "a"}, id="one"), {"count": 1})

    def test_counts_what_another_request_added_meanwhile(self):
        others = [5]
        self.pair.before_commit = lambda: others and self.pair.put("a", others.pop())
        self.assertEqual(self.pair.request("add", {"name": "a"}), {"count": 6})

    def test_refuses(self):
        with self.assertRaises(hotpair.Malformed):
            self.pair.request("add", {"name": "a", "by": 0})
        with self.assertRaises(hotpair.NotFound):
            self.pair.request("look", {"name": "a"})


if __name__ == "__main__":
    unittest.main()
