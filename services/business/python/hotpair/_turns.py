"""How requests that stand in each other's way get on.

Whether a commit is right is decided by its conditions alone. What is here saves work that would be thrown away: who has lost
once stands in line for the keys it lost at (Lanes); who loses on gets the process for itself (Gate).
"""
from __future__ import annotations

import collections
import threading
from typing import Deque, Dict, List, Tuple


class Lanes:
    """A queue for each contended key. Queues are entered in the order of the keys, which excludes deadlocks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Dict[str, Deque[threading.Lock]] = {}

    def contended(self, keys: List[str]) -> List[str]:
        if not self._held:
            return []
        with self._lock:
            return [key for key in keys if key in self._held]

    def enter(self, keys: List[str], timeout: float, clock) -> List[str]:
        """Waits for the turn at each key while that is useful, and returns the keys entered, which the caller must leave."""
        until = clock() + timeout
        entered: List[str] = []
        for key in sorted(set(keys)):
            if not self._enter(key, max(until - clock(), 0.0)):
                break
            entered.append(key)
        return entered

    def _enter(self, key: str, timeout: float) -> bool:
        with self._lock:
            line = self._held.get(key)
            if line is None:
                self._held[key] = collections.deque()
                return True
            turn = threading.Lock()
            turn.acquire()
            line.append(turn)
        if turn.acquire(timeout=timeout):
            return True
        with self._lock:
            if turn in line:
                line.remove(turn)
                return False
        return True  # the turn came at the same moment

    def leave(self, keys: List[str]) -> None:
        """Passes each key to its longest waiter."""
        if not keys:
            return
        with self._lock:
            for key in keys:
                line = self._held[key]
                if line:
                    line.popleft().release()
                else:
                    del self._held[key]


class Gate:
    """Admits many at once, or one exclusively, in the order of arrival."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._alone = False
        self._waiting: Deque[Tuple[threading.Lock, bool]] = collections.deque()

    def enter(self, alone: bool, timeout: float) -> bool:
        with self._lock:
            if not self._waiting and self._room(alone):
                self._take(alone)
                return True
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append((turn, alone))
        if turn.acquire(timeout=timeout):
            return True
        with self._lock:
            if (turn, alone) in self._waiting:
                self._waiting.remove((turn, alone))
                self._next()
                return False
        return True  # the turn came at the same moment

    def leave(self, alone: bool) -> None:
        with self._lock:
            if alone:
                self._alone = False
            else:
                self._inside -= 1
            self._next()

    def _room(self, alone: bool) -> bool:
        return not self._alone and not (alone and self._inside)

    def _take(self, alone: bool) -> None:
        if alone:
            self._alone = True
        else:
            self._inside += 1

    def _next(self) -> None:
        while self._waiting and self._room(self._waiting[0][1]):
            turn, alone = self._waiting.popleft()
            self._take(alone)
            turn.release()
